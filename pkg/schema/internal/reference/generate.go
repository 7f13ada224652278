package reference

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/macielake/macielake/pkg/schema"
)

// Generate returns one to three lines that are discovery results, some with mistakes.
// The same seed gives the same lines. They have fields in any order, integers as
// numbers or strings, escapes and white space wherever JSON allows them, values at
// the edges of their types, unknown fields, nesting around the limit, and errors of
// any class.
func Generate(seed uint64) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	// Most lines need few mistakes: decoding ends at the first, so nothing after it
	// is tested.
	g.mistakes = pick(g, 0, 0, 0.002, 0.01, 0.1)
	g.unknown = pick(g, 0, 0, 0, 0.02, 0.02, 0.2, 0.2, 0.9)
	g.space = pick(g, 0, 0, 0.05, 0.5)
	g.escapes = pick(g, 0, 0, 0.05, 0.5)
	g.presence = pick(g, 0.1, 0.5, 0.9, 1)
	g.nulls = pick(g, 0, 0.02, 0.3)

	for n := 1 + g.IntN(3); n > 0; n-- {
		start := g.Len()
		switch {
		case g.chance(0.05):
			g.WriteString(pick(g, "", " ", "\t", "  \t "))
		case g.chance(0.05):
			g.anyValue(1 + g.IntN(3))
		default:
			g.whitespace()
			g.value(knownLine)
			g.whitespace()
		}
		if g.chance(g.mistakes) {
			g.WriteString(pick(g, "x", "{}", ",", "\x00", "\xff", "null", "}"))
		}
		if g.chance(5 * g.mistakes) {
			g.damage(start)
		}
		if n > 1 || g.chance(0.7) {
			g.WriteString(pick(g, "\n", "\n", "\r\n"))
		}
	}
	return []byte(g.String())
}

// Damage returns lines with a few bytes changed, removed or inserted. The same seed
// gives the same result.
func Damage(seed uint64, lines []byte) []byte {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	g.Write(lines)
	g.damage(0)
	return []byte(g.String())
}

// generator writes JSON. The fields are probabilities.
type generator struct {
	*rand.Rand
	strings.Builder
	mistakes, unknown, space, escapes, presence, nulls float64

	depth int
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// whitespace writes white space, or nothing.
func (g *generator) whitespace() {
	for g.chance(g.space) {
		g.WriteString(pick(g, " ", "\t", "\r", "    "))
	}
}

// value writes a value of a known field.
func (g *generator) value(f *field) {
	switch {
	case g.chance(g.mistakes):
		g.anyValue(g.IntN(3))
		return
	case g.depth > 0 && g.chance(g.nulls):
		g.WriteString("null")
		return
	}
	switch f.kind {
	case textKind:
		g.text(g.content())
	case integerKind:
		g.integer(pick(g, 0, 0, 1, 3))
	case integer32Kind:
		g.integer(pick(g, 0, 0, 1, 2))
	case booleanKind:
		g.WriteString(pick(g, "true", "false"))
	case timeKind:
		g.text(g.time())
	case objectKind:
		g.object(f)
	case arrayKind:
		g.array(f)
	}
}

func (g *generator) object(f *field) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(f.fields)) {
		present := g.presence
		if name == f.required {
			present = 1 - 5*g.mistakes
		}
		if g.chance(present) {
			names = append(names, name)
		}
		if g.chance(g.mistakes / 3) {
			names = append(names, name) // twice if it was chosen before
		}
	}
	for g.chance(g.unknown) {
		names = append(names, pick(g, "newField", "new_field", "Key", "ID", "a.b", "1st", "", `q"\k`, "weird key", "é", "\x01", "[0]", "_",
			pick(g, slices.Sorted(maps.Keys(f.fields))...)+pick(g, "s", " ", "\x00")))
	}
	g.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })

	g.depth++
	g.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			g.WriteByte(',')
		}
		g.whitespace()
		g.text(name)
		g.whitespace()
		g.WriteByte(':')
		g.whitespace()
		switch known := f.fields[name]; {
		case known == nil:
			g.anyValue(g.IntN(4))
		case name == f.required && !g.chance(g.mistakes):
			g.text(pick(g, "a", "b", "", g.content(), strconv.Itoa(g.IntN(50))))
		default:
			g.value(known)
		}
		g.whitespace()
	}
	g.whitespace()
	g.WriteByte('}')
	g.depth--
}

func (g *generator) array(f *field) {
	n := pick(g, 0, 1, 1, 2, 3, 5)
	if g.chance(0.003) && !slices.ContainsFunc(slices.Collect(maps.Values(f.elem.fields)), isContainer) {
		n = pick(g, 999, 1000, 1001) // around is_capped
	}
	if f.elem.required != "" && g.chance(0.05) {
		n = g.IntN(100) // many tags
	}
	g.depth++
	g.WriteByte('[')
	for i := range n {
		if i > 0 {
			g.WriteByte(',')
		}
		g.whitespace()
		if g.chance(g.mistakes / 2) {
			g.anyValue(g.IntN(2))
		} else {
			g.object(f.elem)
		}
		g.whitespace()
	}
	g.whitespace()
	g.WriteByte(']')
	g.depth--
}

func isContainer(f *field) bool { return f.kind == objectKind || f.kind == arrayKind }

// anyValue writes a value of any type with up to about levels nested levels, and
// sometimes one that is nested to about the limit.
func (g *generator) anyValue(levels int) {
	if g.chance(0.02) {
		deep := schema.MaxNesting - g.depth + g.IntN(4) - 2
		var closing strings.Builder
		for range deep {
			if g.chance(0.5) {
				g.WriteByte('[')
				closing.WriteByte(']')
			} else {
				g.WriteString(`{"a":`)
				closing.WriteByte('}')
			}
		}
		if g.chance(0.5) {
			g.WriteString(pick(g, "[]", "{}"))
		} else {
			g.anyValue(0)
		}
		closed := []byte(closing.String())
		slices.Reverse(closed)
		g.Write(closed)
		return
	}
	if levels > 0 && g.chance(0.5) {
		brackets := pick(g, "{}", "[]")
		g.WriteByte(brackets[0])
		for i := range g.IntN(4) {
			if i > 0 {
				g.WriteByte(',')
			}
			g.whitespace()
			if brackets[0] == '{' {
				g.text(pick(g, "a", "id", "key", g.content()))
				g.whitespace()
				g.WriteByte(':')
				g.whitespace()
			}
			g.anyValue(levels - 1)
			g.whitespace()
		}
		g.whitespace()
		g.WriteByte(brackets[1])
		return
	}
	switch g.IntN(4) {
	case 0:
		g.text(g.content())
	case 1:
		g.integer(3)
	case 2:
		g.WriteString(pick(g, "1.5", "1e3", "-0", "-0.0", "0E-7", "1.25e+10", "123456789012345678901234567890", "0"))
	case 3:
		g.WriteString(pick(g, "true", "false", "null", "[]", "{}"))
	}
}

// integer writes an integer as a number or a string. reach 0 is for small ones,
// reach 3 for those up to the limits of int64 and just beyond.
func (g *generator) integer(reach int) {
	var s string
	switch reach {
	case 0:
		s = strconv.Itoa(g.IntN(2000))
	case 1:
		s = pick(g, "0", "-0", "-1", "1", "9", "10", "99999999", "100000000", "2147483647", "-2147483648")
	case 2:
		s = pick(g, "2147483648", "-2147483649", "4294967296")
	case 3:
		s = pick(g,
			"2147483648", "4294967296", "99999999999", "-99999999999",
			"9223372036854775807", "-9223372036854775808", "999999999999999999", "1000000000000000000", "4611686018427387904")
		if g.chance(g.mistakes) {
			s = pick(g, "9223372036854775808", "-9223372036854775809", "9999999999999999999", "10000000000000000000",
				"18446744073709551616", "18446744073709551617", "-18446744073709551615", strings.Repeat("9", 40))
		}
	}
	if g.chance(g.mistakes) {
		s = pick(g, "", "-", "+1", "01", "-01", "1.0", "1e3", " 1", "1 ", "0x1", "1_0", "١", "--1", "00")
	}
	if g.chance(0.5) {
		g.text(s)
	} else {
		g.WriteString(s)
	}
}

// time returns a time as text.
func (g *generator) time() string {
	n := func(low, high int) int {
		if g.chance(g.mistakes) {
			return pick(g, low-1, high+1, 99)
		}
		return pick(g, low, high, low+g.IntN(high-low+1))
	}
	year := pick(g, 1, 2, 1600, 1900, 1969, 1970, 2000, 2023, 2024, 2026, 2100, 9998, 9999, 1+g.IntN(9999))
	day := n(1, 28)
	if g.chance(0.1) {
		day = n(29, 31)
	}
	s := fmt.Sprintf("%04d-%02d-%02d%s%02d:%02d:%02d", year, n(1, 12), day, pick(g, "T", "T", " "), n(0, 23), n(0, 59), n(0, 59))
	if g.chance(0.6) {
		s += "." + strings.Repeat(pick(g, "0", "9", "5"), g.IntN(4)) + strconv.Itoa(g.IntN(1000))
	}
	if g.chance(0.1) {
		s += strings.Repeat(pick(g, "0", "1", "9"), g.IntN(20))
		if !strings.Contains(s, ".") {
			s += pick(g, "Z", "")
		}
	}
	zone := pick(g, "Z", "Z", "+00:00", "-00:00", fmt.Sprintf("%s%02d:%02d", pick(g, "+", "-"), n(0, 23), n(0, 59)))
	s += zone
	if g.chance(3 * g.mistakes) {
		s = pick(g, strings.ToLower(s), strings.TrimSuffix(s, zone), s+" ", " "+s, strings.Replace(s, ".", ",", 1),
			strings.Replace(s, ":", "", 1), "", "0000"+s[4:], "1"+s, s[:g.IntN(len(s))],
			strings.Replace(s, " ", "  ", 1), strings.Replace(s, "T", "_", 1), s[:19]+"."+zone, zone)
	}
	return s
}

// content returns any text.
func (g *generator) content() string {
	switch g.IntN(8) {
	case 0:
		return ""
	case 1:
		return pick(g, "2021-09-14T19:44:10Z", "42", "true", "null", "TRUE", "$[0]['Card Number']", "Sheet2!C5", "{\"a\":[", "\\u0041")
	case 2:
		return pick(g, "é", "日本", "😀", "\u2028", "\ufffd", "\x00", "\x1f\x7f", "\n\t\r\b\f/", "\"", "\\", "\\\\\"") + strings.Repeat("z", g.IntN(20))
	}
	var b strings.Builder
	for range g.IntN(pick(g, 4, 10, 20, 70)) {
		b.WriteByte("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_/.:=<>&'"[g.IntN(52)])
	}
	if g.chance(0.2) {
		b.WriteString(pick(g, "é", "日", "😀", "\"", "\\", "\t"))
	}
	return b.String()
}

// text writes s as a string with some characters escaped.
func (g *generator) text(s string) {
	g.WriteByte('"')
	for _, r := range s {
		switch {
		case g.chance(g.mistakes / 20):
			g.WriteString(pick(g, "\x80", "\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f\x98", "\xc0\x80", "\xf4\x90\x80\x80",
				`\ud800`, `\udfff`, `\udc00\ud800`, `\ud83d\u0041`, `\uDBFF\n`, "\x00", "\x1f", "\n", "\r", `\x`, `\u12g4`, `\`))
		case g.chance(g.escapes) && r < 0x10000:
			fmt.Fprintf(g, pick(g, `\u%04x`, `\u%04X`), r)
		case g.chance(g.escapes) && r >= 0x10000:
			fmt.Fprintf(g, `\u%04x\u%04X`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		case r == '"' || r == '\\' || (r == '/' && g.chance(g.escapes)):
			g.WriteByte('\\')
			g.WriteRune(r)
		case r < 0x20:
			if i := strings.IndexRune("\b\f\n\r\t", r); i >= 0 && g.chance(0.7) {
				g.WriteByte('\\')
				g.WriteByte("bfnrt"[i])
			} else {
				fmt.Fprintf(g, `\u%04x`, r)
			}
		default:
			g.WriteRune(r)
		}
	}
	g.WriteByte('"')
}

// damage changes some bytes at or after start.
func (g *generator) damage(start int) {
	all := []byte(g.String())
	b := slices.Clone(all[start:])
	if len(b) == 0 {
		return
	}
	special := "\"\\{}[],: \t\r\n0-+.eEtfnuZT\x00\x1f\x7f\x80\xc3\xe2\xed\xf0\xff"
	for range 1 + g.IntN(2) {
		if len(b) == 0 {
			break
		}
		i := g.IntN(len(b))
		switch g.IntN(6) {
		case 0:
			b = b[:i]
		case 1:
			b[i] = special[g.IntN(len(special))]
		case 2:
			b = slices.Insert(b, i, special[g.IntN(len(special))])
		case 3:
			b = slices.Delete(b, i, min(len(b), i+1+g.IntN(3)))
		case 4: // a copy of a piece, somewhere else
			piece := slices.Clone(b[i:min(len(b), i+1+g.IntN(40))])
			b = slices.Insert(b, g.IntN(len(b)), piece...)
		case 5:
			b[i] ^= 1 << g.IntN(8)
		}
	}
	g.Reset()
	g.Write(all[:start])
	g.Write(b)
}
