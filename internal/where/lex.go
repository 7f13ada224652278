package where

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a piece of a filter.
type token struct {
	kind   tokenKind
	text   string // a word or a quoted text without its quotes, or the symbol
	offset int    // in the filter, of its first byte
}

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // letters, digits and everything that isn't a symbol
	quotedToken           // 'it''s' or "text"
	symbolToken           // = != < <= > >= ~ !~ ( ) ,
)

// lexer splits a filter into tokens.
type lexer struct {
	s      string
	offset int
}

// next returns the next token. It may only fail in a quoted text that has no
// end, which it reports by the text's offset.
func (l *lexer) next() (token, *SyntaxError) {
	for l.offset < len(l.s) {
		r, n := utf8.DecodeRuneInString(l.s[l.offset:])
		if !unicode.IsSpace(r) {
			break
		}
		l.offset += n
	}
	t := token{offset: l.offset}
	if l.offset == len(l.s) {
		return t, nil
	}
	rest := l.s[l.offset:]
	if rest[0] == '\'' || rest[0] == '"' {
		text, n, ok := quoted(rest)
		if !ok {
			return t, problem(l.s, t.offset, "the quote that begins here has no end")
		}
		l.offset += n
		t.kind, t.text = quotedToken, text
		return t, nil
	}
	if n := symbol(rest); n > 0 {
		l.offset += n
		t.kind, t.text = symbolToken, rest[:n]
		return t, nil
	}
	n := wordLength(rest)
	l.offset += n
	t.kind, t.text = wordToken, rest[:n]
	return t, nil
}

// quoted returns the text in quotes that s begins with, and its length with
// them. A quote in the text is doubled.
func quoted(s string) (text string, n int, ok bool) {
	quote := s[:1]
	var out strings.Builder
	for n = 1; ; {
		i := strings.Index(s[n:], quote)
		if i < 0 {
			return "", 0, false
		}
		out.WriteString(s[n : n+i])
		n += i + 1
		if !strings.HasPrefix(s[n:], quote) {
			return out.String(), n, true
		}
		out.WriteString(quote)
		n++
	}
}

// symbol returns the length of the symbol that s begins with, 0 if it is none.
func symbol(s string) int {
	switch s[0] {
	case '<', '>', '!':
		if len(s) > 1 && (s[1] == '=' || s[0] == '!' && s[1] == '~') {
			return 2
		}
		return 1
	case '=', '~', '(', ')', ',':
		return 1
	}
	return 0
}

// wordLength returns the length of the word that s begins with: up to white
// space, a quote or a symbol.
func wordLength(s string) int {
	i := strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`=!<>~(),'"`, r)
	})
	if i < 0 {
		return len(s)
	}
	return i
}

// problem makes a SyntaxError of the byte at which something is wrong.
func problem(s string, offset int, text string) *SyntaxError {
	return &SyntaxError{Filter: s, Column: utf8.RuneCountInString(s[:offset]) + 1, Problem: text}
}
