package stream

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// FuzzReader reads any bytes, as they are and gzipped, with any read size and block
// size, and compares the lines with those of compress/gzip and bytes.Split.
func FuzzReader(f *testing.F) {
	gz := gzipped(f, "{\"a\":1}\n", "{}\n\n{}")
	f.Add([]byte("a\nb\r\n\nc"), []byte(nil), uint16(0), uint16(20), byte(0))
	f.Add([]byte("\ufeffa\n"), gz, uint16(3), uint16(0), byte(1))
	f.Add(gz, gz[:len(gz)-9], uint16(1), uint16(40), byte(2))
	f.Add(append(bytes.Clone(gz), 0x1f), append(bytes.Clone(gz), 0), uint16(7), uint16(300), byte(7))
	f.Add(changeByte(gz, -1, 1), changeByte(gz, 12, 8), uint16(7), uint16(17), byte(5))
	f.Add(gzipped(f, text(50, 40, 1)), []byte(text(30, 60, 2)), uint16(64), uint16(100), byte(3))
	f.Fuzz(func(t *testing.T, a, b []byte, readSize, block uint16, flags byte) {
		if longHeaderField(a) || longHeaderField(b) {
			t.Skip("compress/gzip bounds header fields")
		}
		wrap := func(r io.Reader) io.Reader { return r }
		if readSize > 0 {
			wrap = func(r io.Reader) io.Reader {
				return readerFunc(func(p []byte) (int, error) { return r.Read(p[:min(len(p), int(readSize))]) })
			}
		}
		o := ReaderOptions{BlockBytes: int(block), FetchAhead: int(flags & 3), VerifyFirst: flags&4 != 0}
		if flags&8 != 0 {
			o.Limits.MaxLineBytes = 16 + int(flags>>4)
		}
		uris := []string{"a.jsonl", "b.gz", "zipped.gz", "c", "zipped-too.gz"}
		datas := [][]byte{a, b, gzipped(t, string(a)), b, gzipped(t, string(b), string(a))}
		checkPartClasses(t, uris, datas, wrap, o, func(got, want schema.Class) bool {
			return got == want || inflaterMayDiffer(got) && inflaterMayDiffer(want)
		})
	})
}

// inflaterMayDiffer reports whether another inflater may choose another class. One
// rejects a bad code when the block begins, another when the code is used, and by then
// the data may have ended.
func inflaterMayDiffer(c schema.Class) bool { return c == schema.Corrupt || c == schema.Truncated }

// longHeaderField reports whether compress/gzip may reject a gzip member for a name or
// comment of more than 511 bytes, which RFC 1952 allows.
func longHeaderField(data []byte) bool {
	if len(data) < 512 {
		return false
	}
	_, err := gzip.NewReader(bytes.NewReader(data))
	return err == gzip.ErrHeader && bytes.HasPrefix(data, []byte{0x1f, 0x8b})
}
