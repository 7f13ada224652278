package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	kflate "github.com/klauspost/compress/flate"
	kgzip "github.com/klauspost/compress/gzip"
)

// member is a gzip member around a deflate stream of data.
func member(flags byte, fields string, z, data []byte) []byte {
	b := append([]byte{0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255}, fields...)
	if flags&flagHCRC != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(crc32.ChecksumIEEE(b)))
	}
	b = append(b, z...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(data))
	return binary.LittleEndian.AppendUint32(b, uint32(len(data)))
}

func gzipped(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write(data); err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll reads r with buffers of random sizes.
func readAll(r *Reader, rnd *rand.Rand) (out []byte, err error) {
	most := []int{1, 100, 5000, 1 << 20}[rnd.IntN(4)]
	buf := make([]byte, most)
	for err == nil {
		n := 0
		n, err = r.Read(buf[:1+rnd.IntN(most)])
		out = append(out, buf[:n]...)
		if err == nil && n == 0 {
			return out, errors.New("neither bytes nor an error")
		}
	}
	if err == io.EOF {
		err = nil
	}
	return out, err
}

// inflateAll inflates z in memory, then from sources that cut it up, and fails if that
// makes a difference.
func inflateAll(t testing.TB, r *Reader, z []byte, rnd *rand.Rand) ([]byte, error) {
	t.Helper()
	r.ResetBytes(z)
	out, err := readAll(r, rnd)
	offset, members := r.InputOffset(), r.members
	for name, src := range map[string]io.Reader{
		"whole":           bytes.NewReader(z),
		"end with data":   iotest.DataErrReader(bytes.NewReader(z)),
		"pieces":          &cutReader{z, rnd, 1 + rnd.IntN(30)},
		"single bytes":    &cutReader{z, rnd, 1},
		"larger pieces":   &cutReader{z, rnd, 20000},
		"half of the ask": iotest.HalfReader(bytes.NewReader(z)),
	} {
		if name == "single bytes" && len(z) > 10_000 {
			continue
		}
		r.Reset(src)
		again, errAgain := readAll(r, rnd)
		if !bytes.Equal(again, out) || fmt.Sprint(errAgain) != fmt.Sprint(err) {
			t.Fatalf("%s: %d bytes and %v, in memory %d and %v", name, len(again), errAgain, len(out), err)
		}
		if r.InputOffset() != offset || r.members != members {
			t.Fatalf("%s: offset %d, %d members, in memory %d, %d", name, r.InputOffset(), r.members, offset, members)
		}
	}
	return out, err
}

func TestRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 4))
	noise := make([]byte, 150_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	far := bytes.Repeat(noise[:32768], 8)
	inputs := map[string][]byte{
		"empty": nil,
		"byte":  []byte("x"),
		"lines": sampleLines(1, 300_000, 3),
		"noise": noise,
		"zeros": make([]byte, 300_000),
		"far":   far,
		"abc":   bytes.Repeat([]byte("abc"), 100_000),
	}
	type compressor struct {
		name string
		make func(io.Writer) (io.WriteCloser, error)
	}
	var all []compressor
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		all = append(all, compressor{fmt.Sprint("compress/flate ", level), func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, level) }})
	}
	for level := kflate.HuffmanOnly; level <= kflate.BestCompression; level++ {
		all = append(all, compressor{fmt.Sprint("klauspost ", level), func(w io.Writer) (io.WriteCloser, error) { return kflate.NewWriter(w, level) }})
	}
	all = append(all, compressor{"klauspost stateless", func(w io.Writer) (io.WriteCloser, error) { return kflate.NewStatelessWriter(w), nil }})
	r := NewReader()
	for name, data := range inputs {
		for _, c := range all {
			var z bytes.Buffer
			w, err := c.make(&z)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = w.Write(data); err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			m := member(0, "", z.Bytes(), data)
			got, err := inflateAll(t, r, m, rnd)
			check(t, name+", "+c.name, got, err, data, nil)
			if r.InputOffset() != int64(len(m)) || r.members != 1 {
				t.Errorf("%s, %s: offset %d of %d, %d members", name, c.name, r.InputOffset(), len(m), r.members)
			}
		}
	}
}

func TestTruncated(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 5))
	stream := randomStream(rnd, 8, 30)
	for len(stream.z) > 4000 {
		stream = randomStream(rnd, 8, 30)
	}
	line := sampleLines(1, 1, 2)
	inputs := map[string][]byte{
		"dynamic": gzipped(t, line, 6),
		"stored":  gzipped(t, []byte("a stored block"), 0),
		"blocks":  member(0, "", stream.z, stream.want),
		"fields":  member(flagHCRC|flagExtra|flagName|flagComment, "\x03\x00abcname\x00comment\x00", []byte{3, 0}, nil),
	}
	r := NewReader()
	for name, z := range inputs {
		r.ResetBytes(z)
		whole, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(name, err)
		}
		first := len(whole)
		for _, before := range [][]byte{nil, inputs["stored"]} {
			z := append(before[:len(before):len(before)], z...)
			for n := range z {
				if n == len(before) && n > 0 {
					continue // the whole first member
				}
				want := io.ErrUnexpectedEOF
				if before != nil && n == len(before)+1 {
					want = ErrNoMember // half a magic is garbage
				}
				r.ResetBytes(z[:n])
				got, err := io.ReadAll(r)
				if !errors.Is(err, want) {
					t.Fatalf("%s, %d of %d bytes: %v", name, n, len(z), err)
				}
				if before == nil && !bytes.HasPrefix(whole, got) {
					t.Fatalf("%s, %d of %d bytes: wrong data", name, n, len(z))
				}
				if n%7 == 0 {
					if _, err := inflateAll(t, r, z[:n], rnd); !errors.Is(err, want) {
						t.Fatalf("%s, %d of %d bytes: %v", name, n, len(z), err)
					}
				}
				if before == nil && n == len(z)-1 && len(got) != first {
					t.Fatalf("%s without its last byte: %d bytes of data, want %d", name, len(got), first)
				}
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	empty := []byte{3, 0}
	long := string(bytes.Repeat([]byte("n"), 200_000)) + "\x00"
	good := member(0, "", empty, nil)
	set := func(at int, b byte) []byte {
		m := bytes.Clone(good)
		m[at] = b
		return m
	}
	badCRC := member(flagHCRC, "", empty, nil)
	badCRC[11] ^= 1
	cases := []struct {
		name    string
		z       []byte
		err     error
		members int
	}{
		{"plain", good, nil, 1},
		{"text flag", set(3, 1), nil, 1},
		{"time, level and system don't matter", append(set(4, 99)[:8], append([]byte{77, 3}, good[10:]...)...), nil, 1},
		{"extra", member(flagExtra, "\x05\x00hello", empty, nil), nil, 1},
		{"empty extra", member(flagExtra, "\x00\x00", empty, nil), nil, 1},
		{"extra of 65535", member(flagExtra, "\xff\xff"+long[:65535], empty, nil), nil, 1},
		{"name", member(flagName, "name\x00", empty, nil), nil, 1},
		{"long name", member(flagName, long, empty, nil), nil, 1},
		{"comment", member(flagComment, "\x00", empty, nil), nil, 1},
		{"CRC", member(flagHCRC, "", empty, nil), nil, 1},
		{"all", member(flagHCRC|flagExtra|flagName|flagComment, "\x01\x00xname\x00comment\x00", empty, nil), nil, 1},
		{"wrong CRC", badCRC, ErrHeader, 0},
		{"reserved flag", set(3, 0x20), ErrHeader, 0},
		{"reserved flags", set(3, 0xc0), ErrHeader, 0},
		{"method", set(2, 7), ErrHeader, 0},
		{"first byte", set(0, 0x1e), ErrNoMember, 0},
		{"second byte", set(1, 0), ErrNoMember, 0},
		{"no gzip", []byte("{"), ErrNoMember, 0},
		{"no gzip, one byte less than enough", []byte{0x1f, 'x'}, ErrNoMember, 0},
		{"empty", nil, io.ErrUnexpectedEOF, 0},
		{"two members", append(good[:len(good):len(good)], good...), nil, 2},
		{"garbage", append(good[:len(good):len(good)], 'x'), ErrNoMember, 1},
		{"zero", append(good[:len(good):len(good)], 0), ErrNoMember, 1},
		{"half a magic", append(good[:len(good):len(good)], 0x1f), ErrNoMember, 1},
		{"half a magic alone", []byte{0x1f}, io.ErrUnexpectedEOF, 0},
		{"magic alone", append(good[:len(good):len(good)], 0x1f, 0x8b), io.ErrUnexpectedEOF, 1},
		{"header of the second", append(good[:len(good):len(good)], 0x1f, 0x8b, 7), ErrHeader, 1},
		{"checksum", set(len(good)-8, 1), ErrChecksum, 0},
		{"length", set(len(good)-1, 1), ErrChecksum, 0},
		{"checksum of the second", append(good[:len(good):len(good)], set(len(good)-8, 1)...), ErrChecksum, 1},
		{"block type", set(10, 7), ErrCorrupt, 0},
	}
	r := NewReader()
	rnd := rand.New(rand.NewPCG(1, 6))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := inflateAll(t, r, c.z, rnd)
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if r.members != c.members {
				t.Errorf("%d members, want %d", r.members, c.members)
			}
			var e *Error
			if errors.As(err, &e) && (e.Member != c.members || e.Offset != r.InputOffset() || e.Offset > int64(len(c.z))) {
				t.Errorf("%v at member %d, byte %d", err, c.members, r.InputOffset())
			}
		})
	}
}

func TestMembers(t *testing.T) {
	var z, want []byte
	rnd := rand.New(rand.NewPCG(1, 7))
	for i := range 300 {
		data := sampleLines(uint64(i), rnd.IntN(5000), 2)
		if i%10 == 0 {
			data = nil
		}
		z = append(z, gzipped(t, data, rnd.IntN(10))...)
		want = append(want, data...)
	}
	r := NewReader()
	got, err := inflateAll(t, r, z, rnd)
	check(t, "300 members", got, err, want, nil)
	if r.members != 300 || r.InputOffset() != int64(len(z)) {
		t.Errorf("%d members, offset %d of %d", r.members, r.InputOffset(), len(z))
	}
	// The history of a member is none of the next one's.
	w := new(streamWriter)
	w.fixed(1)
	w.length(3)
	w.code(w.dist, 0)
	w.bits(0, 40)
	r.ResetBytes(append(z, member(0, "", w.z, nil)...))
	if _, err := io.ReadAll(r); !errors.Is(err, ErrCorrupt) {
		t.Errorf("copy from the member before: %v", err)
	}
}

func TestSourceErrors(t *testing.T) {
	broken := errors.New("broken")
	data := sampleLines(1, 100_000, 3)
	z := gzipped(t, data, 6)
	r := NewReader()
	for n := 0; n <= len(z); n += 1 + n/50 {
		for _, with := range []bool{false, true} {
			src := io.MultiReader(bytes.NewReader(z[:n]), iotest.ErrReader(broken))
			if with {
				src = &lastReader{z[:n], broken}
			}
			r.Reset(src)
			got, err := io.ReadAll(r)
			if err != broken {
				t.Fatalf("%d of %d bytes: %v", n, len(z), err)
			}
			r.ResetBytes(z[:n])
			if want, _ := io.ReadAll(r); !bytes.Equal(got, want) {
				t.Fatalf("%d of %d bytes: %d bytes of data before the error, want %d", n, len(z), len(got), len(want))
			}
			if _, err := r.Read(make([]byte, 1)); n < len(z) && err != io.ErrUnexpectedEOF {
				t.Fatalf("the error isn't kept: %v", err)
			}
		}
	}
	r.Reset(emptyReader{})
	if _, err := io.ReadAll(r); err != io.ErrNoProgress {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

// lastReader gives err together with its last bytes.
type lastReader struct {
	data []byte
	err  error
}

func (l *lastReader) Read(p []byte) (int, error) {
	n := copy(p, l.data)
	l.data = l.data[n:]
	if len(l.data) == 0 {
		return n, l.err
	}
	return n, nil
}

type emptyReader struct{}

func (emptyReader) Read([]byte) (int, error) { return 0, nil }

// TestCorrupt flips each bit of a member. That must not pass with other data.
func TestCorrupt(t *testing.T) {
	data := sampleLines(3, 1, 1)
	z := gzipped(t, data, 6)
	r := NewReader()
	for bit := range len(z) * 8 {
		b := bytes.Clone(z)
		b[bit/8] ^= 1 << (bit % 8)
		r.ResetBytes(b)
		got, err := io.ReadAll(r)
		if free := bit == 3*8 || bit >= 4*8 && bit < 10*8; free {
			check(t, fmt.Sprint("bit ", bit), got, err, data, nil)
		} else if err == nil && !bytes.Equal(got, data) { // a match may have the same data in two places
			t.Fatalf("bit %d: no error", bit)
		}
		r.ResetBytes(z)
		got, err = io.ReadAll(r)
		check(t, fmt.Sprint("after bit ", bit), got, err, data, nil)
	}
}

func TestAllocs(t *testing.T) {
	data := sampleLines(1, 400_000, 3)
	stored := member(flagHCRC|flagName, "name\x00", []byte{1, 1, 0, 0xfe, 0xff, 'x'}, []byte("x"))
	z := append(gzipped(t, data, 6), stored...)
	src := bytes.NewReader(z)
	r := NewReader()
	buf := make([]byte, 50_000)
	for name, reset := range map[string]func(){
		"Reset":      func() { src.Reset(z); r.Reset(src) },
		"ResetBytes": func() { r.ResetBytes(z) },
	} {
		n := testing.AllocsPerRun(10, func() {
			reset()
			for {
				_, err := r.Read(buf)
				if err == io.EOF {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestGzipOfOthers(t *testing.T) {
	data := sampleLines(2, 300_000, 3)
	var z bytes.Buffer
	w, err := kgzip.NewWriterLevel(&z, 6)
	if err != nil {
		t.Fatal(err)
	}
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := inflateAll(t, NewReader(), z.Bytes(), rand.New(rand.NewPCG(1, 8)))
	check(t, "klauspost/gzip", got, err, data, nil)
}
