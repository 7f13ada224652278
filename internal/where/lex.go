package where

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a piece of a filter.
type token struct {
	kind   tokenKind
	text   string // without quotes
	offset int    // of its first byte in the filter
}

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // characters up to white space, a quote or a symbol
	quotedToken           // 'it''s' or "text"
	symbolToken           // = != < <= > >= ~ !~ ( ) ,
)

// lexer splits a filter into tokens.
type lexer struct {
	s      string
	offset int
}

// next returns the next token. Its only error is a quoted text without an end.
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
		text, n, ok := unquote(rest)
		if !ok {
			return t, newSyntaxError(l.s, t.offset, "the quote that begins here has no end")
		}
		l.offset += n
		t.kind, t.text = quotedToken, text
		return t, nil
	}
	if n := symbolLength(rest); n > 0 {
		l.offset += n
		t.kind, t.text = symbolToken, rest[:n]
		return t, nil
	}
	n := wordLength(rest)
	l.offset += n
	t.kind, t.text = wordToken, rest[:n]
	return t, nil
}

// unquote returns the quoted text at the beginning of s, without its quotes, and its
// length with them. In the text, quotes are doubled. It returns false if the text has
// no end.
func unquote(s string) (text string, n int, ok bool) {
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

// symbolLength returns the length of the symbol at the beginning of s; 0 if there is
// none.
func symbolLength(s string) int {
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

// wordLength returns the length of the word at the beginning of s.
func wordLength(s string) int {
	i := strings.IndexFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(`=!<>~(),'"`, r)
	})
	if i < 0 {
		return len(s)
	}
	return i
}

// newSyntaxError returns the error at the byte offset of s.
func newSyntaxError(s string, offset int, text string) *SyntaxError {
	return &SyntaxError{Filter: s, Column: utf8.RuneCountInString(s[:offset]) + 1, Problem: text}
}
