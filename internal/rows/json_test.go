package rows

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// Text comes back from encoding/json as it went in, and nothing in it acts on a
// terminal.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{"", "plain text of some length", "a\"b\\c\x00", "\u202e\u009b", "\xff\xc3", "𝄞\U000e0001", "1234567\"", "12345678\\"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		out := AppendJSONText([]byte("x"), in)[1:]
		var got string
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q: %s: %v", in, out, err)
		}
		want := []rune(string(in)) // bytes that are no UTF-8 become U+FFFD, each
		if got != string(want) {
			t.Fatalf("%q: %q, want %q", in, got, string(want))
		}
		for _, r := range string(out) {
			if r == utf8.RuneError && !bytes.ContainsRune(in, utf8.RuneError) || !isSeen(r) {
				t.Fatalf("%q: %U came out", in, r)
			}
		}
	})
}
