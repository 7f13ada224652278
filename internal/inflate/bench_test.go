package inflate

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"
)

// gzipReader is what the inflaters that are compared have in common.
type gzipReader interface {
	io.Reader
	Reset(io.Reader) error
}

// benchmarkInflaters inflates objects, size bytes in all, with each of the inflaters.
func benchmarkInflaters(b *testing.B, objects [][]byte, size int) {
	run := func(name string, inflate func(b *testing.B, z []byte) int) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, z := range objects {
					n += inflate(b, z)
				}
				if n != size {
					b.Fatalf("%d bytes, want %d", n, size)
				}
			}
		})
	}
	buf := make([]byte, 1<<20)
	readToEnd := func(b *testing.B, r io.Reader) (n int) {
		for {
			m, err := r.Read(buf)
			n += m
			if err == io.EOF {
				return n
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	r := NewReader()
	src := new(bytes.Reader)
	run("read", func(b *testing.B, z []byte) int {
		src.Reset(z)
		r.Reset(src)
		return readToEnd(b, r)
	})
	for _, peer := range []struct {
		name string
		gzipReader
	}{{"klauspost", new(kgzip.Reader)}, {"compress-gzip", new(gzip.Reader)}} {
		zr := peer.gzipReader
		run(peer.name, func(b *testing.B, z []byte) int {
			src.Reset(z)
			if err := zr.Reset(src); err != nil {
				b.Fatal(err)
			}
			return readToEnd(b, zr)
		})
	}
}

func BenchmarkLarge(b *testing.B) {
	data := sampleLines(1, 64<<20, 3)
	benchmarkInflaters(b, [][]byte{gzipped(b, data, 6)}, len(data))
}

// BenchmarkSmall has 20,000 members of about 10 KB, made of 500 different ones.
func BenchmarkSmall(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var objects [][]byte
	size := 0
	for i := range 20_000 {
		if i >= 500 {
			objects = append(objects, objects[i%500])
			continue
		}
		data := sampleLines(uint64(i), 4000+rnd.IntN(8000), 2)
		size += 40 * len(data)
		objects = append(objects, gzipped(b, data, 6))
	}
	benchmarkInflaters(b, objects, size)
}
