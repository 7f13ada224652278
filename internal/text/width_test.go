package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{
		"": 0, "abc": 3, "é": 1, "e\u0301": 1, "日本語": 6, "ａ": 2, "ｱ": 1, "😀": 2, "한": 2, "\u1112\u1161\u11ab": 2,
		"Grüße €": 7, "אב": 2, "…": 1,
	} {
		if got := Width(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, c := range []struct {
		s       string
		columns int
		want    string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"abc", -1, ""}, {"", 0, ""},
		{"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"日本語", 2, "…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"}, {"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := Fit(c.s, c.columns); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.s, c.columns, got, c.want)
		}
	}
	if got := Pad("日", 4) + "|" + PadLeft("7", 3) + "|" + Pad("long", 2); got != "日  |  7|long" {
		t.Error(got)
	}
}

// What fits is never wider than it may be, and is the text or its beginning.
func FuzzFit(f *testing.F) {
	f.Add("abc", 2)
	f.Add("日本e\u0301語\xff", 3)
	f.Fuzz(func(t *testing.T, s string, columns int) {
		s, columns = Printable(s), columns%100
		got := Fit(s, columns)
		if !utf8.ValidString(got) || Width(got) > max(columns, 0) {
			t.Fatalf("%q in %d: %q takes %d", s, columns, got, Width(got))
		}
		if got != s && (!strings.HasPrefix(s, strings.TrimSuffix(got, "…")) || Width(s) <= columns) {
			t.Fatalf("%q in %d: %q", s, columns, got)
		}
		if w := Width(Pad(got, columns)); w < columns {
			t.Fatalf("%q: padded to %d, not %d", got, w, columns)
		}
	})
}

func TestScreen(t *testing.T) {
	plain, colours := Screen{}, Screen{Columns: 10, Colours: true}
	if got := plain.Bold("a") + plain.Fit(50, strings.Repeat("b", 200)); got != "a"+strings.Repeat("b", 200) {
		t.Error(got)
	}
	if got := colours.Bold("a") + colours.Dim("") + colours.Fit(4, "abcdefghijk") + colours.Fit(12, "a"); got != "\x1b[1ma\x1b[mabcde…" {
		t.Errorf("%q", got)
	}
}
