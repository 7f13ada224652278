package s3store

import (
	"bytes"
	"io"
	"testing"
)

// A spool returns the bytes written, from memory or from its file, and releases all of
// its memory.
func TestSpool(t *testing.T) {
	for _, left := range []int64{0, firstBlock, 100_000, 64 << 20} {
		memory := &spools{left: left}
		s := &spool{memory: memory}
		var want bytes.Buffer
		for i := range 300 {
			p := bytes.Repeat([]byte{byte(i)}, i*17)
			want.Write(p)
			if n, err := s.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		for range 2 {
			got, err := io.ReadAll(s.reader())
			if err != nil || !bytes.Equal(got, want.Bytes()) || s.size != int64(want.Len()) {
				t.Errorf("with %d: %d bytes of %d, %v", left, len(got), want.Len(), err)
			}
		}
		if inFile := s.file != nil; inFile != (left < int64(want.Len())) {
			t.Errorf("with %d: a file: %v", left, inFile)
		}
		s.close()
		if memory.left != left {
			t.Errorf("%d of %d bytes came back", memory.left, left)
		}
	}
}
