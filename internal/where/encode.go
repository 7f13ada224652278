package where

import (
	"bytes"
	"encoding/binary"
)

// A value is encoded as a uvarint, its length plus one, and its bytes; null is a zero.
// Numbers, booleans and times have eight bytes.

// AppendValue appends the encoding of a value of a kind to b.
func AppendValue(b []byte, v Value, kind Kind) []byte {
	switch {
	case v.Null():
		return append(b, 0)
	case kind == Text || kind == Map:
		return AppendText(b, v.Text())
	}
	b = append(b, 1+8)
	return binary.BigEndian.AppendUint64(b, uint64(v.Int()))
}

// AppendText appends the encoding of a text that isn't null to b.
func AppendText(b, text []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(text))+1)
	return append(b, text...)
}

// TakeBytes decodes the value at the beginning of b. It returns the value's bytes, which
// it shares with b, and the rest of b; ok is false for null.
func TakeBytes(b []byte) (text []byte, ok bool, rest []byte) {
	n, size := binary.Uvarint(b)
	b = b[size:]
	if n == 0 {
		return nil, false, b
	}
	return b[: n-1 : n-1], true, b[n-1:]
}

// TakeValue decodes the value of a kind at the beginning of b. It returns the value,
// which shares its text with b, and the rest of b.
func TakeValue(b []byte, kind Kind) (v Value, rest []byte) {
	text, ok, rest := TakeBytes(b)
	switch {
	case !ok:
	case kind == Text || kind == Map:
		v = TextValue(text)
	default:
		v = IntValue(int64(binary.BigEndian.Uint64(text)))
	}
	return v, rest
}

// EqualInts reports whether two numbers or times are equal, or both null.
func EqualInts(a, b Value) bool { return a.Null() == b.Null() && a.Int() == b.Int() }

// EqualTexts reports whether two texts are equal, or both null.
func EqualTexts(a, b Value) bool {
	return a.Null() == b.Null() && bytes.Equal(a.Text(), b.Text())
}

// AppendOrdered appends a text or null to b. The bytes sort as the texts do, whatever
// follows them, and null sorts last.
func AppendOrdered(b []byte, v Value) []byte {
	if v.Null() {
		return append(b, 2)
	}
	b = append(b, 1)
	text := v.Text()
	for {
		i := bytes.IndexByte(text, 0)
		if i < 0 {
			break
		}
		b = append(append(b, text[:i]...), 0, 1)
		text = text[i+1:]
	}
	return append(append(b, text...), 0, 0)
}

// AppendLatest appends a number or null to b, in nine bytes or one. The bytes sort from
// the largest number to the smallest, and null last.
func AppendLatest(b []byte, v Value) []byte {
	if v.Null() {
		return append(b, 2)
	}
	return binary.BigEndian.AppendUint64(append(b, 1), ^(uint64(v.Int()) ^ 1<<63))
}

// TakeLatest decodes the value of AppendLatest at the beginning of b. It returns the
// value and the rest of b.
func TakeLatest(b []byte) (v Value, rest []byte) {
	if b[0] != 1 {
		return Value{}, b[1:]
	}
	return IntValue(int64(^binary.BigEndian.Uint64(b[1:]) ^ 1<<63)), b[9:]
}
