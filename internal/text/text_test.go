package text

import (
	"math"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "",
		"plain text, 1 + 1":                     "plain text, 1 + 1",
		"Grüße 日本語 €":                           "Grüße 日本語 €",
		"\x1b[2J":                               `\x1b[2J`,
		"a\nb\r\tc\x00\x7f":                     `a\x0ab\x0d\x09c\x00\x7f`,
		"\u0085\u009b":                          `\u0085\u009b`,
		"\xff\xc3":                              `\xff\xc3`,
		"\xed\xa0\x80":                          `\xed\xa0\x80`, // a surrogate is no UTF-8
		"\u202egnp.exe\u2066":                   `\u202egnp.exe\u2066`,
		"\u200b\u200f\ufeff":                    `\u200b\u200f\ufeff`,
		"\u2028\u2029":                          `\u2028\u2029`,
		"\u00a0\u3000":                          `\u00a0\u3000`,
		"\ufffd":                                "\ufffd",
		"\U000e0041\U0010ffff":                  `\U000e0041\U0010ffff`,
		"😀":                                     "😀",
		"e\u0301":                               "e\u0301",
		"\u0301e":                               `\u0301e`, // it would mark what stands before the text
		"\n\u0301":                              `\x0a` + "\u0301",
		"Z\u0301\u0301\u0301\u0301\u0301\u0301": "Z\u0301\u0301\u0301\u0301" + `\u0301` + "\u0301",
		"\u2764\ufe0f":                          "\u2764" + `\ufe0f`,
		"a\u034f\u115f\u3164\u2800\u17b4":       `a\u034f\u115f\u3164\u2800\u17b4`,
		"👩\u200d🚀":                              `👩\u200d🚀`,
		`C:\x1b`:                                `C:\x1b`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Nothing a terminal could act on comes out, and what is fine stays as it is.
func FuzzPrintable(f *testing.F) {
	for _, s := range []string{"", "abc", "\x1b]0;x\x07", "\u202e", "\xff\xfe", "\u009b31m", "a\\x1b", "\u0301\u0301", "\u115f\ufe0f", "\U000e0001", "\xf4\x90\x80\x80", "é\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		if !utf8.ValidString(out) {
			t.Fatalf("%q: no UTF-8: %q", s, out)
		}
		for _, r := range out {
			if invisible(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
				t.Fatalf("%q: %U came out", s, r)
			}
		}
		if again := Printable(out); again != out {
			t.Fatalf("%q: %q, and again %q", s, out, again)
		}
		if first, _ := utf8.DecodeRuneInString(s); unicode.Is(unicode.M, first) {
			return // at the beginning of a text it is escaped
		}
		if a, b := Printable(s+s), out+out; a != b && utf8.ValidString(s) {
			t.Fatalf("%q: twice %q, want %q", s, a, b)
		}
	})
}

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 999_999: "999,999", 1_000_000: "1,000,000",
		-1: "-1", -999: "-999", -1000: "-1,000", -123_456: "-123,456",
		math.MaxInt64: "9,223,372,036,854,775,807", math.MinInt64: "-9,223,372,036,854,775,808",
	} {
		if got := Count(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
		if strings.ReplaceAll(Count(n), ",", "") != strings.ReplaceAll(want, ",", "") {
			t.Errorf("%d lost digits", n)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.0 kB", 1049: "1.0 kB", 1050: "1.1 kB", 999_949: "999.9 kB",
		999_950: "1.0 MB", 1_000_000: "1.0 MB", 1_234_567_890: "1.2 GB", 999_999_999_999: "1.0 TB",
		1_000_000_000_000_000: "1.0 PB", math.MaxInt64: "9.2 EB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
