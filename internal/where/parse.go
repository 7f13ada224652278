package where

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/macielake/macielake/internal/nearest"
)

// Limits of a filter, so that none exhausts the stack or takes long.
const (
	maxLength  = 64 << 10 // bytes
	maxDepth   = 100      // nested parentheses and nots
	maxProgram = 20_000   // instructions of all regular expressions
)

// Parse parses a filter on rows with these fields. The error is a *SyntaxError.
func Parse(expr string, fields []Field) (*Filter, error) {
	p := &parser{lexer: lexer{s: expr}, fields: fields, used: make(map[int][]string)}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Filter{root: root, fields: slices.Sorted(maps.Keys(p.used)), keys: p.used}, nil
}

// parser is a recursive descent over the grammar:
//
//	or        = and { "or" and }
//	and       = not { "and" not }
//	not       = "not" not | "(" or ")" | condition
//	condition = field operator value
//	          | field [ "not" ] "in" "(" value { "," value } ")"
//	          | field "is" [ "not" ] "null"
//	field     = name | name ":" key
type parser struct {
	lexer
	token   // the next one, not consumed yet
	fields  []Field
	used    map[int][]string // keys by field, for the fields that the filter names
	depth   int
	program int // instructions of regular expressions so far
}

func (p *parser) parse() (node, error) {
	if len(p.s) > maxLength {
		return nil, p.errorAt(0, "the filter has %d bytes, more than %d", len(p.s), maxLength)
	}
	if bad := firstInvalid(p.s); bad < len(p.s) {
		return nil, p.errorAt(bad, "this isn't UTF-8")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.kind == endToken {
		return nil, p.errorAt(p.token.offset, "the filter is empty: want a condition such as severity=High")
	}
	root, err := p.or()
	if err == nil && p.kind != endToken {
		err = p.unexpected(`"and", "or" or the end`)
	}
	if err != nil {
		return nil, err
	}
	return root, nil
}

// firstInvalid returns the offset of the first byte of s that isn't UTF-8; len(s) if
// all are.
func firstInvalid(s string) int {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(s)
}

func (p *parser) advance() error {
	t, err := p.lexer.next()
	if err != nil {
		return err
	}
	p.token = t
	return nil
}

func (p *parser) errorAt(offset int, format string, args ...any) error {
	return newSyntaxError(p.s, offset, fmt.Sprintf(format, args...))
}

// unexpected returns the error that the next token isn't one of those wanted.
func (p *parser) unexpected(want string) error {
	if p.kind == endToken {
		return p.errorAt(p.token.offset, "the filter ends here: want %s", want)
	}
	return p.errorAt(p.token.offset, "want %s", want)
}

// isKeyword reports whether the next token is that word, ignoring case.
func (p *parser) isKeyword(word string) bool {
	return p.kind == wordToken && strings.EqualFold(p.text, word)
}

func (p *parser) isSymbol(s string) bool { return p.kind == symbolToken && p.text == s }

// parseTerms parses one or more terms, separated by a keyword.
func (p *parser) parseTerms(word string, term func() (node, error)) ([]node, error) {
	var terms []node
	for {
		n, err := term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, n)
		if !p.isKeyword(word) {
			return terms, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

func (p *parser) or() (node, error) {
	terms, err := p.parseTerms("or", p.and)
	if len(terms) == 1 {
		return terms[0], err
	}
	return or(terms), err
}

func (p *parser) and() (node, error) {
	terms, err := p.parseTerms("and", p.not)
	if len(terms) == 1 {
		return terms[0], err
	}
	return and(terms), err
}

func (p *parser) not() (node, error) {
	if !p.isKeyword("not") && !p.isSymbol("(") {
		return p.condition()
	}
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorAt(p.token.offset, "nested deeper than %d", maxDepth)
	}
	defer func() { p.depth-- }()
	if p.isKeyword("not") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.not()
		return not{n}, err
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.isSymbol(")") {
		return nil, p.unexpected(`"and", "or" or ")"`)
	}
	return n, p.advance()
}

func (p *parser) condition() (node, error) {
	on, kind, err := p.field()
	if err != nil {
		return nil, err
	}
	negated := false
	if p.isKeyword("is") {
		return p.isNull(on)
	}
	if p.isKeyword("not") {
		negated = true
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.isKeyword("in") {
			return nil, p.unexpected(`"in"`)
		}
	}
	if p.isKeyword("in") {
		n, err := p.in(on, kind)
		if negated {
			n = not{n}
		}
		return n, err
	}
	return p.comparison(on, kind)
}

// field parses a field's name, and its key if it is a map.
func (p *parser) field() (on operand, kind Kind, err error) {
	if p.kind != wordToken {
		return on, 0, p.unexpected("a field")
	}
	name, key, hasKey := strings.Cut(p.text, ":")
	on.field = slices.IndexFunc(p.fields, func(f Field) bool { return f.Name == name })
	if on.field < 0 {
		return on, 0, p.errorAt(p.token.offset, "unknown field %q: %s", name, nearest.Suggestion(name, p.names()))
	}
	f := &p.fields[on.field]
	at := p.token.offset + len(name) + 1
	switch {
	case hasKey && f.Kind != Map:
		return on, 0, p.errorAt(at-1, "%s takes no key", name)
	case !hasKey && f.Kind == Map:
		err := newSyntaxError(p.s, at-1, fmt.Sprintf("%s needs a key, for example %s", name, cmp.Or(f.Example, name+":KEY")))
		err.Keyless = name
		return on, 0, err
	case f.Kind == Map && key == "" && at < len(p.s) && (p.s[at] == '\'' || p.s[at] == '"'):
		if err := p.advance(); err != nil { // the quoted key is the next token
			return on, 0, err
		}
		key = p.text
	}
	if f.Kind == Map && f.Check != nil {
		if err := f.Check(key); err != nil {
			return on, 0, p.errorAt(at, "%v", err)
		}
	}
	on.key = key
	keys := p.used[on.field]
	if f.Kind == Map && !slices.Contains(keys, key) {
		keys = append(keys, key)
	}
	p.used[on.field] = keys
	return on, f.Kind, p.advance()
}

func (p *parser) names() []string {
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.Name
		if f.Kind == Map {
			names[i] += ":KEY"
		}
	}
	return names
}

func (p *parser) isNull(on operand) (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	negated := p.isKeyword("not")
	if negated {
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
	if !p.isKeyword("null") {
		return nil, p.unexpected(`"null"`)
	}
	var n node = isNull{on}
	if negated {
		n = not{n}
	}
	return n, p.advance()
}

func (p *parser) in(on operand, kind Kind) (node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.isSymbol("(") {
		return nil, p.unexpected(`"("`)
	}
	texts := inTexts{on, make(map[string]struct{})}
	var numbers or
	for {
		if err := p.advance(); err != nil {
			return nil, err
		}
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		if kind == Text || kind == Map {
			texts.set[p.normalize(on, value.text)] = struct{}{}
		} else {
			s, err := p.number(kind, value)
			if err != nil {
				return nil, err
			}
			numbers = append(numbers, intRange{on, s.low, s.high})
		}
		if p.isSymbol(",") {
			continue
		}
		if !p.isSymbol(")") {
			return nil, p.unexpected(`"," or ")"`)
		}
		if numbers != nil {
			return numbers, p.advance()
		}
		return texts, p.advance()
	}
}

// normalize returns a value as rows have it, with the field's Spellings.
func (p *parser) normalize(on operand, value string) string {
	if v, ok := p.fields[on.field].Spellings[value]; ok {
		return v
	}
	return value
}

// value consumes a value.
func (p *parser) value() (token, error) {
	t := p.token
	if t.kind != wordToken && t.kind != quotedToken {
		return t, p.unexpected("a value")
	}
	if p.isKeyword("null") {
		return t, p.errorAt(t.offset, "no value is equal to null: use \"is null\", or 'null' for the text")
	}
	return t, p.advance()
}

const operators = `=, !=, <, <=, >, >=, ~, !~, "in" or "is"`

func (p *parser) comparison(on operand, kind Kind) (node, error) {
	op, at := p.text, p.token.offset
	if p.kind != symbolToken || op == "(" || op == ")" || op == "," || op == "!" {
		return nil, p.unexpected(operators)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	negated := op[0] == '!'
	if negated {
		op = op[1:]
	}
	var n node
	switch {
	case op == "~":
		if kind != Text && kind != Map {
			return nil, p.errorAt(at, "~ and !~ are for text")
		}
		n, err = p.regexp(on, value)
	case kind == Text || kind == Map:
		n = compareText(on, op, p.normalize(on, value.text))
	default:
		var s span
		if s, err = p.number(kind, value); err == nil {
			if kind == Bool && op != "=" {
				return nil, p.errorAt(at, "want = or != for true and false")
			}
			s = compareSpan(op, s)
			n = intRange{on, s.low, s.high}
		}
	}
	if negated {
		n = not{n}
	}
	return n, err
}

func compareText(on operand, op, value string) node {
	r := textRange{operand: on, low: value, high: value}
	switch op {
	case "<":
		r.noLow, r.excludesHigh = true, true
	case "<=":
		r.noLow = true
	case ">":
		r.noHigh, r.excludesLow = true, true
	case ">=":
		r.noHigh = true
	}
	return r
}

// regexp parses a value as a regular expression of RE2. Matching takes time linear in
// the text, and maxProgram limits the factor.
func (p *parser) regexp(on operand, value token) (node, error) {
	parsed, err := syntax.Parse(value.text, syntax.Perl)
	if err != nil {
		return nil, p.errorAt(value.offset, "%s", regexpProblem(err))
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, p.errorAt(value.offset, "%s", regexpProblem(err))
	}
	if p.program += len(prog.Inst); p.program > maxProgram {
		return nil, p.errorAt(value.offset, "the regular expressions are too large: repeat less")
	}
	re, err := regexp.Compile(value.text)
	if err != nil {
		return nil, p.errorAt(value.offset, "%s", regexpProblem(err))
	}
	return matchRegexp{on, re}, nil
}

func regexpProblem(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return fmt.Sprintf("this regular expression doesn't parse: %s: %q", e.Code, e.Expr)
	}
	return "this regular expression doesn't parse: " + err.Error()
}

// number parses a value as a Bool, Time or Int.
func (p *parser) number(kind Kind, value token) (span, error) {
	switch kind {
	case Bool:
		switch {
		case strings.EqualFold(value.text, "true"):
			return span{1, 1}, nil
		case strings.EqualFold(value.text, "false"):
			return span{0, 0}, nil
		}
		return span{}, p.errorAt(value.offset, "want true or false")
	case Time:
		if t, err := time.Parse(time.DateOnly, value.text); err == nil {
			return span{t.UnixMicro(), t.AddDate(0, 0, 1).UnixMicro() - 1}, nil
		}
		if t, err := time.Parse(time.RFC3339, strings.Replace(value.text, " ", "T", 1)); err == nil {
			return span{t.UnixMicro(), t.UnixMicro()}, nil
		}
		return span{}, p.errorAt(value.offset, "want a date such as 2026-11-22 (in UTC) or a time such as 2026-11-22T08:00:00Z")
	}
	n, err := strconv.ParseInt(value.text, 10, 64)
	if err != nil {
		return span{}, p.errorAt(value.offset, "want a number from %d to %d", int64(-1<<63), int64(1<<63-1))
	}
	return span{n, n}, nil
}
