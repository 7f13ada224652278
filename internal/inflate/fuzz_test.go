package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

const fuzzLimit = 4 << 20 // bytes of output that are compared

// FuzzStream compares the inflater with compress/flate on any bytes. Both take the same
// streams, to the same place of the input, and give the same data. Where both reject, the
// shorter output is the beginning of the other: the inflater looks at all the codes of a block before its
// first symbol, compress/flate takes a block without a code for its end until it gets there.
func FuzzStream(f *testing.F) {
	f.Add([]byte{3, 0}, uint64(1))
	f.Add([]byte{1, 1, 0, 0xfe, 0xff, 'x'}, uint64(1))
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		f.Add(randomStream(rnd, 1+rnd.IntN(3), 60).z, seed)
	}
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		var z bytes.Buffer
		w, err := flate.NewWriter(&z, level)
		if err != nil {
			f.Fatal(err)
		}
		w.Write(sampleLines(uint64(level+2), 1, 1))
		w.Close()
		f.Add(z.Bytes(), uint64(level+2))
	}
	d := new(decoder)
	f.Fuzz(func(t *testing.T, z []byte, seed uint64) {
		compareStream(t, d, z, seed)
	})
}

func compareStream(t *testing.T, d *decoder, z []byte, seed uint64) {
	src := bytes.NewReader(z)
	want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(src), fuzzLimit))
	if len(want) == fuzzLimit {
		return
	}
	got, used, err := inflateRaw(d, z)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("error %v, compress/flate %v", err, wantErr)
	}
	if err == nil {
		check(t, "data", got, nil, want, nil)
		if left := int64(src.Len()); used != int64(len(z))-left {
			t.Fatalf("used %d bytes, compress/flate %d", used, int64(len(z))-left)
		}
	} else {
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatalf("%d bytes before the error, compress/flate %d, and not the same", len(got), len(want))
		}
		if !errors.Is(err, ErrCorrupt) && err != io.ErrUnexpectedEOF {
			t.Fatalf("error %v", err)
		}
	}
	rnd := rand.New(rand.NewPCG(seed, 10))
	again, usedAgain, errAgain := inflateFrom(d, &cutReader{z, rnd, 1 + rnd.IntN(100)})
	if !bytes.Equal(got, again) || used != usedAgain || (errAgain == nil) != (err == nil) || err != nil && err.Error() != errAgain.Error() {
		t.Fatalf("in pieces %d bytes to %d, %v; in memory %d to %d, %v", len(again), usedAgain, errAgain, len(got), used, err)
	}
}

// TestMutatedStreams is FuzzStream on streams of all kinds with a few bits changed.
func TestMutatedStreams(t *testing.T) {
	d := new(decoder)
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 11))
		z := randomStream(rnd, 1+rnd.IntN(3), 100).z
		for range 1 + rnd.IntN(3) {
			i := rnd.IntN(len(z))
			if rnd.IntN(3) > 0 {
				i = rnd.IntN(min(len(z), 120)) // the codes
			}
			z[i] ^= 1 << rnd.IntN(8)
		}
		compareStream(t, d, z, seed)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// FuzzReader compares the Reader with compress/gzip on any bytes. What the Reader takes, compress/gzip
// takes too, if no name or comment in it is longer than 512 bytes; what compress/gzip takes, the Reader
// takes too, if no reserved flag is set.
func FuzzReader(f *testing.F) {
	small := gzipped(f, []byte("some data, some data, some data"), 6)
	f.Add(small, uint64(1))
	f.Add(append(small[:len(small):len(small)], small...), uint64(2))
	f.Add(append(small[:len(small):len(small)], 0, 0), uint64(3))
	f.Add(member(flagHCRC|flagExtra|flagName|flagComment, "\x01\x00xname\x00comment\x00", []byte{3, 0}, nil), uint64(4))
	f.Add(gzipped(f, sampleLines(1, 1, 1), 6), uint64(5))
	r := NewReader()
	f.Fuzz(func(t *testing.T, z []byte, seed uint64) {
		var want []byte
		zr, wantErr := gzip.NewReader(bytes.NewReader(z))
		if wantErr == nil {
			want, wantErr = io.ReadAll(io.LimitReader(zr, fuzzLimit))
		}
		if len(want) == fuzzLimit {
			return
		}
		got, err := inflateAll(t, r, z, rand.New(rand.NewPCG(seed, 12)))
		switch {
		case err == nil && wantErr == nil:
			check(t, "data", got, nil, want, nil)
		case err == nil:
			if !errors.Is(wantErr, gzip.ErrHeader) || len(z) < 512 {
				t.Fatalf("compress/gzip: %v", wantErr)
			}
		case wantErr == nil:
			var e *Error
			if !errors.As(err, &e) || e.Reason != "reserved flags" {
				t.Fatalf("error %v, compress/gzip takes it", err)
			}
		default:
			if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
				t.Fatalf("%d bytes before the error, compress/gzip %d, and not the same", len(got), len(want))
			}
		}
	})
}
