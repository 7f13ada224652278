package schema

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Scanning JSON tokens. A line ends with '\n', which no token may contain, so
// that no loop here has to ask where the line ends; the padding behind the last
// line lets them load eight bytes at once.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// space returns the first position at or after p that is not white space.
func (d *bulk) space(p int) int {
	if d.buf[p] > ' ' {
		return p
	}
	return d.someSpace(p)
}

// someSpace is space where there probably is some.
func (d *bulk) someSpace(p int) int {
	buf := d.buf
	for buf[p] == ' ' || buf[p] == '\t' || buf[p] == '\r' {
		p++
	}
	return p
}

// plain returns the first position at or after p of a quote, a backslash, a
// control character or a byte that is not ASCII.
func plain(buf []byte, p int) int {
	for {
		x := binary.LittleEndian.Uint64(buf[p:])
		// Per byte: x^c - 1 borrows into the high bit where x == c, x - 0x20
		// where x is a control character. Borrows reach only bytes behind the
		// first hit.
		m := ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones) | (x - ' '*ones) | x
		if m &= highs; m != 0 {
			return p + bits.TrailingZeros64(m)>>3
		}
		p += 8
	}
}

// text scans the string whose opening quote is at p.
func (d *bulk) text(p int) (Span, int) {
	end := plain(d.buf, p+1)
	if d.buf[end] == '"' {
		return Span{uint32(p + 1), uint32(end - p - 1)}, end + 1
	}
	return d.oddText(p, end)
}

// oddText is text for a string with escapes, other than ASCII, or broken; up to
// odd it is plain.
func (d *bulk) oddText(p, odd int) (Span, int) {
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

// checkText is text for a value that nobody reads: it validates only.
func (d *bulk) checkText(p int) int {
	end := plain(d.buf, p+1)
	if d.buf[end] == '"' {
		return end + 1
	}
	_, end = d.validate(p, end)
	return end
}

// validate scans the string whose opening quote is at p; up to odd it is plain.
func (d *bulk) validate(p, odd int) (str scanned, end int) {
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

// scanned is what stringEnd says about a string.
type scanned struct {
	end     int  // where its closing quote is, or the byte that breaks it
	broken  bool // it has no closing quote
	escaped bool // it has escapes
	suspect bool // it has bytes that aren't UTF-8, or surrogate escapes
}

// stringEnd looks for the end of a string, scanning from p inside it.
func (d *bulk) stringEnd(p int) (s scanned) {
	buf := d.buf
	for {
		p = plain(buf, p)
		s.end = p
		switch c := buf[p]; {
		case c == '"':
			return s
		case c >= utf8.RuneSelf:
			// The line's end is no part of a rune.
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

// escapedRune returns the UTF-16 unit of the \u escape at the beginning of raw,
// or -1 where there is none.
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

// badUTF8 returns the first position in a string's raw text of a byte that is
// not UTF-8, or of the backslash of a lone surrogate escape; -1 where there is
// none.
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

// unescape appends the text of a valid raw string to the batch.
func (d *bulk) unescape(raw []byte) Span {
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

// number scans the JSON number at p (RFC 8259, section 6).
func (d *bulk) number(p int) int {
	buf := d.buf
	if buf[p] == '-' {
		p++
	}
	switch {
	case buf[p] == '0':
		p++
	case isDigit(buf[p]):
		p = digits(buf, p)
	default:
		return d.fail(Malformed, p)
	}
	if buf[p] == '.' {
		if p++; !isDigit(buf[p]) {
			return d.fail(Malformed, p)
		}
		p = digits(buf, p)
	}
	if buf[p]|0x20 == 'e' {
		if p++; buf[p] == '+' || buf[p] == '-' {
			p++
		}
		if !isDigit(buf[p]) {
			return d.fail(Malformed, p)
		}
		p = digits(buf, p)
	}
	return p
}

func isDigit(c byte) bool { return c-'0' < 10 }

func digits(buf []byte, p int) int {
	for isDigit(buf[p]) {
		p++
	}
	return p
}

// literal scans word (true, false or null) at p.
func (d *bulk) literal(p int, word string) int {
	for i := range len(word) {
		if d.buf[p+i] != word[i] {
			return d.fail(Malformed, p+i)
		}
	}
	return p + len(word)
}

// scalar scans the string, number or literal at p without looking into it.
func (d *bulk) scalar(p int) int {
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

// null takes the value at p, which the field can't hold, for null, or fails.
func (d *bulk) null(p int) int {
	if d.buf[p] == 'n' {
		return d.literal(p, "null")
	}
	return d.wrong(p, WrongType)
}

// wrong fails with class at p once the token there is known to be whole.
func (d *bulk) wrong(p int, class Class) int {
	if c := d.buf[p]; c != '{' && c != '[' {
		if end := d.scalar(p); end < 0 {
			return end
		}
	}
	return d.fail(class, p)
}

// skip scans the value at p, of any type, and validates it.
func (d *bulk) skip(p int) int {
	buf := d.buf
	nest := d.nest
	var isObject [MaxNesting + 1]bool
value:
	switch c := buf[p]; c {
	case '{', '[':
		if nest == MaxNesting {
			return d.fail(Nesting, p)
		}
		nest++
		isObject[nest] = c == '{'
		p = d.space(p + 1)
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
	if nest == d.nest {
		return p
	}
	p = d.space(p)
	switch c := buf[p]; {
	case c == ',':
		p = d.space(p + 1)
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
	if p = d.space(p); buf[p] != ':' {
		return d.fail(Malformed, p)
	}
	p = d.space(p + 1)
	goto value
closed:
	nest--
	p++
	goto next
}
