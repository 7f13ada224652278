package parquet

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// decodeHybrid reads n numbers from Parquet's RLE/bit-packing hybrid, straight
// from the specification.
func decodeHybrid(t *testing.T, src []byte, width, n int) []uint32 {
	t.Helper()
	var values []uint32
	for len(values) < n {
		header, k := binary.Uvarint(src)
		if k <= 0 {
			t.Fatalf("no header after %d numbers", len(values))
		}
		src = src[k:]
		if header&1 == 0 {
			v := uint32(0)
			for i := range (width + 7) / 8 {
				v |= uint32(src[i]) << (8 * i)
			}
			src = src[(width+7)/8:]
			values = append(values, slices.Repeat([]uint32{v}, int(header>>1))...)
			continue
		}
		groups := int(header >> 1)
		for i := range groups * 8 {
			v := uint32(0)
			for bit := range width {
				at := i*width + bit
				v |= uint32(src[at/8]>>(at%8)&1) << bit
			}
			values = append(values, v)
		}
		src = src[groups*width:]
	}
	if len(src) > 0 {
		t.Fatalf("%d bytes are left", len(src))
	}
	for _, v := range values[n:] { // padding
		if v != 0 {
			t.Fatalf("padded with %d", v)
		}
	}
	if len(values)-n >= 8 {
		t.Fatalf("%d numbers too many", len(values)-n)
	}
	return values[:n]
}

func TestHybrid(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, width := range []int{1, 2, 3, 4, 7, 8, 12, 13, 16, 17, 24, 31} {
		for round := range 200 {
			var runs runs
			var want []uint32
			for range rnd.IntN(300) {
				v := rnd.Uint32() & (1<<width - 1) &^ repeated
				n := 1
				switch rnd.IntN(10 + round%3*10) {
				case 0:
					n = rnd.IntN(30)
				case 1:
					n = 8 * rnd.IntN(10)
				case 2:
					n = rnd.IntN(3000)
				}
				runs.add(v, n)
				want = append(want, slices.Repeat([]uint32{v}, n)...)
			}
			runs.settle()
			src := appendHybrid([]byte("before"), runs.tokens, uint(width))
			if got := decodeHybrid(t, src[6:], width, len(want)); !slices.Equal(got, want) {
				t.Fatalf("width %d, round %d: other numbers", width, round)
			}
			if width > 1 {
				continue
			}
			packed := appendBits(nil, runs.tokens)
			if len(packed) != (len(want)+7)/8 {
				t.Fatalf("%d bytes for %d bits", len(packed), len(want))
			}
			for i, v := range want {
				if uint32(packed[i/8]>>(i%8)&1) != v {
					t.Fatalf("bit %d is not %d", i, v)
				}
			}
		}
	}
}

// Runs are the same whatever the calls that made them.
func TestRunsMerge(t *testing.T) {
	var a, b runs
	for i := range uint32(100) {
		a.add(i/7, 3)
		b.add(i/7, 1)
		b.add(i/7, 0)
		b.add(i/7, 2)
	}
	a.settle()
	b.settle()
	if !slices.Equal(a.tokens, b.tokens) {
		t.Fatalf("%v and %v", a.tokens, b.tokens)
	}
}

func TestIntDict(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	d := intDict{}
	for round := range 20 {
		want := map[int64]uint32{}
		var values []int64
		for i := range 5000 {
			v := []int64{int64(i), rnd.Int64N(1 << rnd.IntN(40)), -rnd.Int64N(5), math.MaxInt64 - rnd.Int64N(3), math.MinInt64, 300 - int64(i)}[rnd.IntN(6)]
			n, known := want[v]
			if !known {
				n = uint32(len(want))
				want[v] = n
				values = append(values, v)
			}
			if got := d.index(v); got != n {
				t.Fatalf("round %d: %d is %d, want %d", round, v, got, n)
			}
		}
		if !slices.Equal(d.values, values) {
			t.Fatal("other entries")
		}
		d.reset()
	}
}

func TestTextDict(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	d := textDict{}
	d.seed = newFormat(t, Options{}).seed
	for range 10 {
		want := map[string]uint32{}
		var plain []byte
		for range 5000 {
			text := make([]byte, rnd.IntN(4))
			for i := range text {
				text[i] = byte(rnd.IntN(20))
			}
			n, known := want[string(text)]
			if !known {
				n = uint32(len(want))
				want[string(text)] = n
				plain = append(binary.LittleEndian.AppendUint32(plain, uint32(len(text))), text...)
			}
			if got := d.index(text); got != n || string(d.at(got)) != string(text) {
				t.Fatalf("%q is %d, want %d", text, got, n)
			}
		}
		if d.len() != len(want) || !slices.Equal(d.plain, plain) {
			t.Fatal("other entries")
		}
		d.reset()
	}
}
