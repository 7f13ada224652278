package schema

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Scanners of JSON tokens. A line ends with '\n', which no token may contain, so no
// loop needs to check for the line's end. The padding after the last line lets
// loops load eight bytes at a time.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// skipSpace returns the first position at or after p that is not white space.
func (d *bulkDecoder) skipSpace(p int) int {
	if d.buf[p] > ' ' {
		return p
	}
	return d.skipAllSpace(p)
}

// skipAllSpace is the part of skipSpace that isn't inlined.
func (d *bulkDecoder) skipAllSpace(p int) int {
	buf := d.buf
	for buf[p] == ' ' || buf[p] == '\t' || buf[p] == '\r' {
		p++
	}
	return p
}

// skipPlain returns the first position at or after p of a quote, a backslash, a
// control character or a byte that is not ASCII.
func skipPlain(buf []byte, p int) int {
	for {
		x := binary.LittleEndian.Uint64(buf[p:])
		// In each byte, x^c - 1 borrows into the high bit if x == c, and x - 0x20
		// if x is a control character. Borrows change only bytes after the first
		// hit.
		m := ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones) | (x - ' '*ones) | x
		if m &= highs; m != 0 {
			return p + bits.TrailingZeros64(m)>>3
		}
		p += 8
	}
}

// text decodes the string whose opening quote is at p.
func (d *bulkDecoder) text(p int) (Span, int) {
	end := skipPlain(d.buf, p+1)
	if d.buf[end] == '"' {
		return Span{uint32(p + 1), uint32(end - p - 1)}, end + 1
	}
	return d.slowText(p, end)
}

// slowText is text for a string that has escapes, isn't ASCII, or is broken. It is
// plain up to odd.
func (d *bulkDecoder) slowText(p, odd int) (Span, int) {
	str, end := d.validate(p, odd)
	if end < 0 {
		return Span{}, end
	}
	raw := d.buf[p+1 : str.end]
	if !str.escaped {
		return Span{uint32(p + 1), uint32(len(raw))}, end
	}
	return d.unescape(raw), end
}

// checkText validates the string whose opening quote is at p, without decoding it.
func (d *bulkDecoder) checkText(p int) int {
	end := skipPlain(d.buf, p+1)
	if d.buf[end] == '"' {
		return end + 1
	}
	_, end = d.validate(p, end)
	return end
}

// validate validates the string whose opening quote is at p. It is plain up to odd.
func (d *bulkDecoder) validate(p, odd int) (str scannedString, end int) {
	str = d.stringEnd(odd)
	if str.suspect {
		if bad := badUTF8(d.buf[p+1 : str.end]); bad >= 0 {
			return str, d.fail(InvalidUTF8, p+1+bad)
		}
	}
	if str.broken {
		return str, d.fail(Malformed, str.end)
	}
	return str, str.end + 1
}

// scannedString describes a string that stringEnd scanned.
type scannedString struct {
	end     int  // position of its closing quote, or of the byte that breaks it
	broken  bool // it has no closing quote
	escaped bool // it has escapes
	suspect bool // it has bytes that aren't UTF-8, or surrogate escapes
}

// stringEnd finds the end of a string, scanning from the position p inside it.
func (d *bulkDecoder) stringEnd(p int) (s scannedString) {
	buf := d.buf
	for {
		p = skipPlain(buf, p)
		s.end = p
		switch c := buf[p]; {
		case c == '"':
			return s
		case c >= utf8.RuneSelf:
			// '\n' is part of no rune, so this doesn't read past the line.
			r, n := utf8.DecodeRune(buf[p:])
			s.suspect = s.suspect || r == utf8.RuneError && n == 1
			p += n
		case c == '\\':
			s.escaped = true
			switch buf[p+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				p += 2
			case 'u':
				if hexDigit(buf[p+2])|hexDigit(buf[p+3])|hexDigit(buf[p+4])|hexDigit(buf[p+5]) < 0 {
					for s.end = p + 2; hexDigit(buf[s.end]) >= 0; s.end++ {
					}
					s.broken = true
					return s
				}
				if buf[p+2]|0x20 == 'd' && buf[p+3] >= '8' {
					s.suspect = true
				}
				p += 6
			default:
				s.end, s.broken = p+1, true
				return s
			}
		default:
			s.broken = true
			return s
		}
	}
}

// hexDigit returns the value of a hexadecimal digit, or -1.
func hexDigit(c byte) rune { return rune(hexDigits[c]) }

var hexDigits = func() (values [256]int8) {
	for c := range values {
		values[c] = -1
	}
	for i := range 10 {
		values['0'+i] = int8(i)
	}
	for i := range 6 {
		values['a'+i], values['A'+i] = int8(10+i), int8(10+i)
	}
	return values
}()

// escapedRune returns the UTF-16 code unit of the \u escape at the beginning of
// raw, or -1 if raw doesn't begin with one.
func escapedRune(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range raw[2:6] {
		h := hexDigit(c)
		if h < 0 {
			return -1
		}
		r = r<<4 | h
	}
	return r
}

func isHighSurrogate(r rune) bool { return 0xD800 <= r && r < 0xDC00 }
func isLowSurrogate(r rune) bool  { return 0xDC00 <= r && r < 0xE000 }

// badUTF8 returns the index in a string's raw text of the first byte that is not
// UTF-8 or that begins a lone surrogate escape, or -1.
func badUTF8(raw []byte) int {
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && n == 1 {
				return i
			}
			i += n
		case c == '\\':
			r := escapedRune(raw[i:])
			switch {
			case r < 0:
				i += 2
			case isHighSurrogate(r):
				if !isLowSurrogate(escapedRune(raw[i+6:])) {
					return i
				}
				i += 12
			case isLowSurrogate(r):
				return i
			default:
				i += 6
			}
		default:
			i++
		}
	}
	return -1
}

// unescape appends the text of a raw string to the batch. The string must be valid.
func (d *bulkDecoder) unescape(raw []byte) Span {
	out := d.b.Buf
	start := len(out)
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		i += 2
		switch c := raw[i-1]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := escapedRune(raw[i-2:])
			i += 4
			if isHighSurrogate(r) {
				r = 0x10000 + (r-0xD800)<<10 + (escapedRune(raw[i:]) - 0xDC00)
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default: // quote, backslash, slash
			out = append(out, c)
		}
	}
	d.b.Buf = out
	return Span{uint32(start), uint32(len(out) - start)}
}

// number validates the JSON number at p (RFC 8259, section 6).
func (d *bulkDecoder) number(p int) int {
	buf := d.buf
	if buf[p] == '-' {
		p++
	}
	switch {
	case buf[p] == '0':
		p++
	case isDigit(buf[p]):
		p = skipDigits(buf, p)
	default:
		return d.fail(Malformed, p)
	}
	if buf[p] == '.' {
		if p++; !isDigit(buf[p]) {
			return d.fail(Malformed, p)
		}
		p = skipDigits(buf, p)
	}
	if buf[p]|0x20 == 'e' {
		if p++; buf[p] == '+' || buf[p] == '-' {
			p++
		}
		if !isDigit(buf[p]) {
			return d.fail(Malformed, p)
		}
		p = skipDigits(buf, p)
	}
	return p
}

func isDigit(c byte) bool { return c-'0' < 10 }

func skipDigits(buf []byte, p int) int {
	for isDigit(buf[p]) {
		p++
	}
	return p
}

// literal validates that word (true, false or null) is at p.
func (d *bulkDecoder) literal(p int, word string) int {
	for i := range len(word) {
		if d.buf[p+i] != word[i] {
			return d.fail(Malformed, p+i)
		}
	}
	return p + len(word)
}

// scalar finds the end of the string, number or literal at p. It validates the text
// of a string only if the string is broken.
func (d *bulkDecoder) scalar(p int) int {
	switch c := d.buf[p]; {
	case c == '"':
		s := d.stringEnd(p + 1)
		if s.broken {
			if bad := badUTF8(d.buf[p+1 : s.end]); bad >= 0 {
				return d.fail(InvalidUTF8, p+1+bad)
			}
			return d.fail(Malformed, s.end)
		}
		return s.end + 1
	case c == '-' || isDigit(c):
		return d.number(p)
	case c == 't':
		return d.literal(p, "true")
	case c == 'f':
		return d.literal(p, "false")
	case c == 'n':
		return d.literal(p, "null")
	}
	return d.fail(Malformed, p)
}

// takeNull decodes a null at p. Any other value has the wrong type.
func (d *bulkDecoder) takeNull(p int) int {
	if d.buf[p] == 'n' {
		return d.literal(p, "null")
	}
	return d.failToken(p, WrongType)
}

// failToken rejects the line with class at p, unless the token at p is malformed:
// then it rejects it for that.
func (d *bulkDecoder) failToken(p int, class Class) int {
	if c := d.buf[p]; c != '{' && c != '[' {
		if end := d.scalar(p); end < 0 {
			return end
		}
	}
	return d.fail(class, p)
}

// skipValue validates the value at p, of any type.
func (d *bulkDecoder) skipValue(p int) int {
	buf := d.buf
	nest := d.nesting
	var isObject [MaxNesting + 1]bool
value:
	switch c := buf[p]; c {
	case '{', '[':
		if nest == MaxNesting {
			return d.fail(Nesting, p)
		}
		nest++
		isObject[nest] = c == '{'
		p = d.skipSpace(p + 1)
		if c == '[' {
			if buf[p] == ']' {
				goto closed
			}
			goto value
		}
		if buf[p] == '}' {
			goto closed
		}
		goto key
	case '"':
		if p = d.checkText(p); p < 0 {
			return p
		}
	default:
		if p = d.scalar(p); p < 0 {
			return p
		}
	}
next:
	if nest == d.nesting {
		return p
	}
	p = d.skipSpace(p)
	switch c := buf[p]; {
	case c == ',':
		p = d.skipSpace(p + 1)
		if isObject[nest] {
			goto key
		}
		goto value
	case c == '}' && isObject[nest], c == ']' && !isObject[nest]:
		goto closed
	}
	return d.fail(Malformed, p)
key:
	if buf[p] != '"' {
		return d.fail(Malformed, p)
	}
	if p = d.checkText(p); p < 0 {
		return p
	}
	if p = d.skipSpace(p); buf[p] != ':' {
		return d.fail(Malformed, p)
	}
	p = d.skipSpace(p + 1)
	goto value
closed:
	nest--
	p++
	goto next
}
