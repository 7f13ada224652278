package where

import (
	"bytes"
	"cmp"
	"math"
	"testing"
)

// Encoded values sort as documented, and decode to the values.
func FuzzOrder(f *testing.F) {
	f.Add("a", "a\x00b", int64(1), int64(-1))
	f.Add("", "\x00", int64(math.MinInt64), int64(math.MaxInt64))
	f.Add("\x00\x01", "\x00\x00", int64(0), int64(0))
	f.Fuzz(func(t *testing.T, a, b string, x, y int64) {
		tail := []byte{0xff}
		text := func(s string) Value { return TextValue([]byte(s)) }
		one, two := append(AppendOrdered(nil, text(a)), tail...), append(AppendOrdered(nil, text(b)), 0)
		if a != b && bytes.Compare(one, two) != cmp.Compare(a, b) {
			t.Errorf("%q and %q", a, b)
		}
		if bytes.Compare(one, AppendOrdered(nil, Value{})) >= 0 {
			t.Errorf("%q isn't before null", a)
		}
		if got := bytes.Compare(AppendLatest(nil, IntValue(x)), AppendLatest(nil, IntValue(y))); got != cmp.Compare(y, x) {
			t.Errorf("%d and %d: %d", x, y, got)
		}
		if bytes.Compare(AppendLatest(nil, IntValue(x)), AppendLatest(nil, Value{})) >= 0 {
			t.Errorf("%d isn't before null", x)
		}
		encoded := AppendValue(AppendValue(AppendValue(nil, text(a), Text), Value{}, Text), IntValue(x), Int)
		v, rest := TakeValue(encoded, Text)
		null, rest := TakeValue(rest, Text)
		n, rest := TakeValue(rest, Int)
		if string(v.Text()) != a || !null.Null() || n.Int() != x || len(rest) > 0 {
			t.Errorf("%q, %d came back as %q, %d", a, x, v.Text(), n.Int())
		}
	})
}
