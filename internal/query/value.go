package query

import (
	"bytes"
	"encoding/binary"

	"github.com/macielake/macielake/internal/where"
)

// Values are kept, and are parts of groups' keys, as their length plus one and
// their bytes; null is a length of zero. Numbers have eight bytes.

func appendValue(b []byte, v where.Value, kind where.Kind) []byte {
	switch {
	case v.Null():
		return append(b, 0)
	case kind == where.Text || kind == where.Map:
		return appendText(b, v.Text())
	}
	b = append(b, 1+8)
	return binary.BigEndian.AppendUint64(b, uint64(v.Int()))
}

func appendText(b, text []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(text))+1)
	return append(b, text...)
}

// takeBytes returns the bytes of the value that b begins with, which is not
// null if ok, and what follows it.
func takeBytes(b []byte) (text []byte, ok bool, rest []byte) {
	n, size := binary.Uvarint(b)
	b = b[size:]
	if n == 0 {
		return nil, false, b
	}
	return b[: n-1 : n-1], true, b[n-1:]
}

// takeValue is takeBytes for a value of that kind.
func takeValue(b []byte, kind where.Kind) (v where.Value, rest []byte) {
	text, ok, rest := takeBytes(b)
	switch {
	case !ok:
	case kind == where.Text || kind == where.Map:
		v = where.TextValue(text)
	default:
		v = where.IntValue(int64(binary.BigEndian.Uint64(text)))
	}
	return v, rest
}

// equalInts and equalTexts compare values of which null is one.
func equalInts(a, b where.Value) bool { return a.Null() == b.Null() && a.Int() == b.Int() }

func equalTexts(a, b where.Value) bool {
	return a.Null() == b.Null() && bytes.Equal(a.Text(), b.Text())
}

// appendOrdered appends a text that may be null so that bytes compare as the
// texts do, whatever follows, and null comes last.
func appendOrdered(b []byte, v where.Value) []byte {
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

// appendLatest appends a number that may be null so that larger ones come first,
// and null last.
func appendLatest(b []byte, v where.Value) []byte {
	if v.Null() {
		return append(b, 2)
	}
	return binary.BigEndian.AppendUint64(append(b, 1), ^(uint64(v.Int()) ^ 1<<63))
}
