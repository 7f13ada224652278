package inflate

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	kflate "github.com/klauspost/compress/flate"
)

// inflateRaw inflates a deflate stream. It also gives how many bytes of it were used.
func inflateRaw(d *decoder, z []byte) (out []byte, used int64, err error) {
	d.reset(z)
	return inflateOn(d)
}

// inflateFrom is inflateRaw from a source.
func inflateFrom(d *decoder, src io.Reader) (out []byte, used int64, err error) {
	d.reset(nil)
	if d.readBuf == nil {
		d.readBuf = make([]byte, 1000)
	}
	d.src, d.srcErr = src, nil
	return inflateOn(d)
}

func inflateOn(d *decoder) (out []byte, used int64, err error) {
	d.start()
	for {
		chunk, err := d.next()
		out = append(out, chunk...)
		if err == nil && len(chunk) == 0 {
			return out, 0, errors.New("neither bytes nor an error")
		}
		if err == io.EOF {
			return out, d.offset(), nil
		}
		if err != nil {
			return out, d.offset(), err
		}
	}
}

// cutReader gives data in pieces of random sizes, sometimes none, and the end with or
// after the last piece.
type cutReader struct {
	data []byte
	rnd  *rand.Rand
	most int
}

func (c *cutReader) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), c.rnd.IntN(c.most+1))], c.data)
	c.data = c.data[n:]
	if len(c.data) == 0 && (n == 0 || c.rnd.IntN(2) == 0) {
		return n, io.EOF
	}
	return n, nil
}

func TestRandomStreams(t *testing.T) {
	d := new(decoder)
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		w := randomStream(rnd, 1+rnd.IntN(6), 1+rnd.IntN(3000))
		std, err := io.ReadAll(flate.NewReader(bytes.NewReader(w.z)))
		if err != nil || !bytes.Equal(std, w.want) {
			t.Fatalf("seed %d: the stream that the test made is wrong: %v", seed, err)
		}
		tail := []byte("tail")
		got, used, err := inflateRaw(d, append(w.z, tail...))
		check(t, fmt.Sprint("seed ", seed), got, err, w.want, nil)
		if used != int64(len(w.z)) {
			t.Fatalf("seed %d: used %d bytes of %d", seed, used, len(w.z))
		}
		got, used, err = inflateFrom(d, &cutReader{append(w.z, tail...), rnd, 1 + rnd.IntN(40)})
		check(t, fmt.Sprint("in pieces, seed ", seed), got, err, w.want, nil)
		if used != int64(len(w.z)) {
			t.Fatalf("in pieces, seed %d: used %d bytes of %d", seed, used, len(w.z))
		}
	}
}

func check(t *testing.T, name string, got []byte, err error, want []byte, wantErr error) {
	t.Helper()
	if !errors.Is(err, wantErr) {
		t.Fatalf("%s: error %v, want %v", name, err, wantErr)
	}
	if !bytes.Equal(got, want) {
		i := 0
		for i < len(got) && i < len(want) && got[i] == want[i] {
			i++
		}
		t.Fatalf("%s: %d bytes, want %d, equal up to %d", name, len(got), len(want), i)
	}
}

// TestMatches has every length at every small distance and some large ones, at places around
// the end of the window and around the end of what the fast loop may take.
func TestMatches(t *testing.T) {
	d := new(decoder)
	rnd := rand.New(rand.NewPCG(1, 3))
	dists := []int{63, 64, 65, 127, 128, 255, 256, 257, 258, 259, 1023, 1024, 1025, 8192, 16384, 24577, 32767, 32768}
	for dist := range 40 {
		dists = append(dists, dist+1)
	}
	for length := 3; length <= maxMatch; length++ {
		w := new(streamWriter)
		head := make([]byte, 32768)
		for i := range head {
			head[i] = byte(rnd.Uint32())
		}
		w.stored(0, head)
		w.fixed(1)
		for _, dist := range dists {
			w.literal(byte(rnd.Uint32()))
			w.match(length, dist)
		}
		w.end()
		got, _, err := inflateRaw(d, w.z)
		check(t, fmt.Sprint("length ", length), got, err, w.want, nil)
		got, _, err = inflateFrom(d, &cutReader{w.z, rnd, 3})
		check(t, fmt.Sprint("in pieces, length ", length), got, err, w.want, nil)
	}
	for start := windowFull - 300; start < windowSize+300; start += 13 {
		w := new(streamWriter)
		head := make([]byte, start)
		for i := range head {
			head[i] = byte(rnd.Uint32())
		}
		for rest := head; len(rest) > 0; {
			n := min(len(rest), 65535)
			w.stored(0, rest[:n])
			rest = rest[n:]
		}
		w.fixed(1)
		for range 4 {
			w.match(258, 32768)
			w.match(3+rnd.IntN(256), 1+rnd.IntN(20))
			w.literal('x')
		}
		w.end()
		got, _, err := inflateRaw(d, w.z)
		check(t, fmt.Sprint("start ", start), got, err, w.want, nil)
	}
}

// lens is n code lengths, 0 but for those in set.
func lens(n int, set map[int]uint8) []uint8 {
	l := make([]uint8, n)
	for s, v := range set {
		l[s] = v
	}
	return l
}

// TestRules has what RFC 1951 and zlib's inflate forbid or just allow. The other inflaters in Go
// agree about all of it, though not about which error it is.
func TestRules(t *testing.T) {
	bad := ErrCorrupt
	short := io.ErrUnexpectedEOF
	none := lens(1, nil)
	two := []uint8{1, 1}
	ab := lens(257, map[int]uint8{'a': 1, 'b': 2, 256: 2})
	cases := []struct {
		name  string
		write func(w *streamWriter)
		err   error
		alone bool // means something else when blocks come before
	}{
		{"nothing", func(w *streamWriter) {}, short, false},
		{"empty fixed block", func(w *streamWriter) { w.fixed(1); w.end() }, nil, false},
		{"empty stored block", func(w *streamWriter) { w.stored(1, nil) }, nil, false},
		{"empty blocks before data", func(w *streamWriter) {
			for range 3 {
				w.stored(0, nil)
				w.fixed(0)
				w.end()
			}
			w.stored(1, []byte("data"))
		}, nil, false},
		{"no final block", func(w *streamWriter) { w.fixed(0); w.end() }, short, false},
		{"block type 3", func(w *streamWriter) { w.bits(7, 3); w.bits(0, 32) }, bad, false},
		{"stored lengths disagree", func(w *streamWriter) { w.stored(1, []byte("data")); w.z[3] ^= 1; w.want = nil }, bad, true},
		{"stored block cut", func(w *streamWriter) { w.stored(1, []byte("data")); w.z = w.z[:7]; w.want = w.want[:2] }, short, true},

		{"symbol 286", func(w *streamWriter) { w.fixed(1); w.literal('a'); w.code(w.lit, 286); w.bits(0, 40) }, bad, false},
		{"symbol 287", func(w *streamWriter) { w.fixed(1); w.literal('a'); w.code(w.lit, 287); w.bits(0, 40) }, bad, false},
		{"symbol 287 at the end", func(w *streamWriter) { w.fixed(1); w.literal('a'); w.code(w.lit, 287) }, bad, false},
		{"distance 30", func(w *streamWriter) { w.fixed(1); w.literal('a'); w.length(3); w.code(w.dist, 30); w.bits(0, 40) }, bad, false},
		{"distance 31", func(w *streamWriter) { w.fixed(1); w.literal('a'); w.length(3); w.code(w.dist, 31); w.bits(0, 40) }, bad, false},
		{"distance 31 at the end", func(w *streamWriter) { w.fixed(1); w.literal('a'); w.length(3); w.code(w.dist, 31) }, bad, false},
		{"nothing to copy", func(w *streamWriter) { w.fixed(1); w.length(3); w.code(w.dist, 0); w.bits(0, 40) }, bad, true},
		{"too far back", func(w *streamWriter) {
			w.fixed(1)
			w.literal('a')
			w.length(3)
			w.code(w.dist, 1)
			w.bits(0, 40)
		}, bad, true},
		{"too far back by 1 of 32768", func(w *streamWriter) {
			w.stored(0, bytes.Repeat([]byte("x"), 32767))
			w.fixed(1)
			w.length(3)
			w.code(w.dist, 29)
			w.bits(8191, 13)
			w.bits(0, 40)
		}, bad, true},
		{"length 258 with extra bits", func(w *streamWriter) {
			w.fixed(1)
			w.literal('a')
			w.code(w.lit, 284)
			w.bits(31, 5)
			w.code(w.dist, 0)
			w.want = bytes.Repeat([]byte("a"), 259)
			w.end()
		}, nil, true},

		{"two literals and an end", func(w *streamWriter) { w.dynamic(1, ab, none); w.literal('a'); w.literal('b'); w.end() }, nil, false},
		{"only an end, one bit", func(w *streamWriter) { w.dynamic(1, lens(257, map[int]uint8{256: 1}), none); w.end() }, nil, false},
		{"only an end, the other bit", func(w *streamWriter) {
			w.dynamic(1, lens(257, map[int]uint8{256: 1}), none)
			w.bits(1, 1)
			w.bits(0, 40)
		}, bad, false},
		{"only an end, two bits", func(w *streamWriter) { w.dynamic(1, lens(257, map[int]uint8{256: 2}), none); w.end() }, bad, false},
		{"no end", func(w *streamWriter) { w.dynamic(1, lens(257, map[int]uint8{'a': 1, 'b': 1}), two); w.bits(0, 40) }, bad, false},
		{"no codes", func(w *streamWriter) { w.dynamic(1, lens(257, nil), none); w.bits(0, 40) }, bad, false},
		{"incomplete literals", func(w *streamWriter) {
			w.dynamic(1, lens(257, map[int]uint8{'a': 1, 256: 2}), none)
			w.code(w.lit, 'a')
			w.end()
		}, bad, false},
		{"over-subscribed literals", func(w *streamWriter) {
			w.dynamic(1, lens(257, map[int]uint8{'a': 1, 'b': 1, 256: 15}), none)
			w.bits(0, 40)
		}, bad, false},
		{"over-subscribed lengths of 15", func(w *streamWriter) {
			l := make([]uint8, 286)
			for i := range l {
				l[i] = 8
			}
			w.dynamic(1, l, none)
			w.bits(0, 40)
		}, bad, false},

		{"one distance, one bit", func(w *streamWriter) {
			w.dynamic(1, lens(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), []uint8{1})
			w.literal('a')
			w.match(3, 1)
			w.end()
		}, nil, false},
		{"one distance that isn't the first", func(w *streamWriter) {
			w.dynamic(1, lens(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), []uint8{0, 0, 1})
			w.literal('a')
			w.literal('a')
			w.literal('a')
			w.match(3, 3)
			w.end()
		}, nil, false},
		{"one distance, the other bit", func(w *streamWriter) {
			w.dynamic(1, lens(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), []uint8{1})
			w.literal('a')
			w.length(3)
			w.bits(1, 1)
			w.bits(0, 40)
		}, bad, false},
		{"one distance, two bits", func(w *streamWriter) {
			w.dynamic(1, lens(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), []uint8{2})
			w.bits(0, 40)
		}, bad, false},
		{"no distance, none used", func(w *streamWriter) { w.dynamic(1, ab, none); w.literal('b'); w.end() }, nil, false},
		{"no distance, one used", func(w *streamWriter) {
			w.dynamic(1, lens(258, map[int]uint8{'a': 1, 256: 2, 257: 2}), none)
			w.literal('a')
			w.length(3)
			w.bits(0, 40)
		}, bad, false},
		{"incomplete distances", func(w *streamWriter) { w.dynamic(1, ab, []uint8{1, 2}); w.bits(0, 40) }, bad, false},
		{"over-subscribed distances", func(w *streamWriter) { w.dynamic(1, ab, []uint8{1, 1, 1}); w.bits(0, 40) }, bad, false},
		{"287 literals", func(w *streamWriter) { w.dynamicHeader(1, 287, 1, flatClens.lens); w.bits(0, 2000) }, bad, false},
		{"288 literals", func(w *streamWriter) { w.dynamicHeader(1, 288, 1, flatClens.lens); w.bits(0, 2000) }, bad, false},
		{"31 distances", func(w *streamWriter) { w.dynamicHeader(1, 257, 31, flatClens.lens); w.bits(0, 2000) }, bad, false},
		{"32 distances", func(w *streamWriter) { w.dynamicHeader(1, 257, 32, flatClens.lens); w.bits(0, 2000) }, bad, false},
		{"30 distances", func(w *streamWriter) {
			l := make([]uint8, 30)
			for i := range l {
				l[i] = 5
			}
			l[0], l[1] = 4, 4
			w.dynamic(1, ab, l)
			w.literal('a')
			w.end()
		}, nil, false},

		{"no code lengths", func(w *streamWriter) { w.dynamicHeader(1, 257, 1, make([]uint8, 19)); w.bits(0, 2000) }, bad, false},
		{"one code length", func(w *streamWriter) {
			w.dynamicHeader(1, 257, 1, lens(19, map[int]uint8{8: 1}))
			w.bits(0, 2000)
		}, bad, false},
		{"incomplete code lengths", func(w *streamWriter) {
			w.dynamicHeader(1, 257, 1, lens(19, map[int]uint8{0: 1, 8: 2}))
			w.bits(0, 2000)
		}, bad, false},
		{"over-subscribed code lengths", func(w *streamWriter) {
			w.dynamicHeader(1, 257, 1, lens(19, map[int]uint8{0: 1, 8: 1, 9: 1}))
			w.bits(0, 2000)
		}, bad, false},
		{"repeat of nothing", func(w *streamWriter) {
			w.dynamicHeader(1, 257, 1, flatClens.lens)
			w.code(flatClens, 16)
			w.bits(0, 2000)
		}, bad, false},
		{"repeat beyond the end", func(w *streamWriter) {
			w.dynamicHeader(1, 257, 1, flatClens.lens)
			for range 2 {
				w.code(flatClens, 18)
				w.bits(127, 7)
			}
			w.bits(0, 2000)
		}, bad, false},
		{"repeat from literals into distances", func(w *streamWriter) {
			w.dynamicHeader(1, 258, 3, flatClens.lens)
			w.code(flatClens, 18)
			w.bits(127, 7)
			w.code(flatClens, 18)
			w.bits(118-11, 7)
			for range 2 { // 256, 257, and the distances 0 to 2, of which 2 doesn't fit
				w.code(flatClens, 1)
			}
			w.code(flatClens, 16)
			w.bits(0, 2)
			w.bits(0, 100)
		}, bad, false},
		{"repeat from literals into distances, to the end", func(w *streamWriter) {
			w.dynamicHeader(1, 257, 4, flatClens.lens)
			w.code(flatClens, 2)
			w.code(flatClens, 2)
			w.code(flatClens, 2)
			w.code(flatClens, 18)
			w.bits(127, 7)
			w.code(flatClens, 18)
			w.bits(115-11, 7)
			w.code(flatClens, 2)
			w.code(flatClens, 16)
			w.bits(1, 2)
			w.lit = newTestCode(lens(257, map[int]uint8{0: 2, 1: 2, 2: 2, 256: 2}))
			w.literal(1)
			w.literal(2)
			w.end()
		}, nil, false},
	}
	d := new(decoder)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, before := range []int{0, 40000} {
				if before > 0 && c.alone {
					continue
				}
				w := new(streamWriter)
				if before > 0 {
					w.stored(0, make([]byte, before))
				}
				c.write(w)
				for _, pad := range []int{0, 100} { // 100 bytes more, and the fast loop has it
					z := append(w.z[:len(w.z):len(w.z)], make([]byte, pad)...)
					if pad > 0 && c.err == short {
						continue
					}
					got, _, err := inflateRaw(d, z)
					check(t, "in memory", got, err, w.want, c.err)
					place := d.offset()
					got, _, err = inflateFrom(d, &cutReader{z, rand.New(rand.NewPCG(1, 1)), 1})
					check(t, "in pieces", got, err, w.want, c.err)
					if d.offset() != place {
						t.Errorf("offset %d, in pieces %d", place, d.offset())
					}
					for name, r := range map[string]io.Reader{
						"compress/flate":  flate.NewReader(bytes.NewReader(z)),
						"klauspost/flate": kflate.NewReader(bytes.NewReader(z)),
					} {
						other, err := io.ReadAll(r)
						if (err == nil) != (c.err == nil) || err == nil && !bytes.Equal(other, w.want) {
							t.Errorf("%s: %d bytes, %v", name, len(other), err)
						}
					}
				}
			}
		})
	}
}
