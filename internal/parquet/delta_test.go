package parquet

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"

	"github.com/macielake/macielake/pkg/schema"
)

// decodeDelta reads DELTA_BINARY_PACKED, straight from the specification.
func decodeDelta(t *testing.T, src []byte) []int64 {
	t.Helper()
	uvarint := func() uint64 {
		v, k := binary.Uvarint(src)
		if k <= 0 {
			t.Fatal("a number is cut")
		}
		src = src[k:]
		return v
	}
	varint := func() int64 {
		v, k := binary.Varint(src)
		if k <= 0 {
			t.Fatal("a number is cut")
		}
		src = src[k:]
		return v
	}
	block, minis, n := int(uvarint()), int(uvarint()), int(uvarint())
	last := varint()
	if block%128 != 0 || block/minis%32 != 0 {
		t.Fatalf("blocks of %d in %d miniblocks", block, minis)
	}
	values := []int64{last}
	for len(values) < n {
		low := varint()
		widths := src[:minis]
		src = src[minis:]
		for _, width := range widths {
			if len(values) == n {
				break // miniblocks without values have no bytes
			}
			for i := range block / minis {
				v := uint64(0)
				for bit := range int(width) {
					at := i*int(width) + bit
					v |= uint64(src[at/8]>>(at%8)&1) << bit
				}
				if len(values) == n {
					if v != 0 {
						t.Fatal("padding isn't zeros")
					}
					continue
				}
				last += low + int64(v)
				values = append(values, last)
			}
			src = src[int(width)*block/minis/8:]
		}
	}
	if len(src) > 0 {
		t.Fatalf("%d bytes are left", len(src))
	}
	return values
}

func FuzzDelta(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint16(1+seed*61), uint8(seed*9))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16, width uint8) {
		rng := rand.New(rand.NewPCG(seed, 1))
		values := make([]int64, 1+int(n)%1000)
		at := int64(0)
		for i := range values {
			switch rng.IntN(20) {
			case 0:
				at = []int64{math.MinInt64, math.MaxInt64, 0, int64(rng.Uint64())}[rng.IntN(4)]
			default:
				at += int64(rng.Uint64() >> (63 - width%64))
			}
			values[i] = at
		}
		e := &deltaEncoder{}
		for range 2 { // an encoder forgets what it had
			for rest := values; len(rest) > 0; {
				k := 1 + rng.IntN(min(len(rest), 300))
				e.add(rest[:k])
				rest = rest[k:]
			}
			if got := decodeDelta(t, e.appendTo(nil)); !slices.Equal(got, values) {
				t.Fatalf("%d, want %d", got, values)
			}
			e.reset()
		}
	})
}

func BenchmarkDelta(b *testing.B) {
	values := make([]int64, pageEntries)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range values {
		if values[i] = 2; i%100 > 0 {
			values[i] = values[i-1] + 1 + rng.Int64N(8)
		}
	}
	e := &deltaEncoder{}
	var dst []byte
	b.SetBytes(int64(8 * len(values)))
	for b.Loop() {
		for rest := values; len(rest) > 0; rest = rest[min(100, len(rest)):] {
			e.add(rest[:min(100, len(rest))])
		}
		dst = e.appendTo(dst[:0])
		e.reset()
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}

// An occurrence's integers are deltas where that is smaller, chunk by chunk.
func TestDeltaChoice(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	few := []int64{math.MinInt64, math.MaxInt64, 0}
	for _, test := range []struct {
		name  string
		value func(i int) int64
		delta bool
	}{
		{"ascending", func(i int) int64 { return int64(i) * 3 }, true},
		{"one value", func(int) int64 { return 7 }, false},
		{"any", func(int) int64 { return int64(rng.Uint64()) }, false},
		{"few extremes", func(int) int64 { return few[rng.IntN(3)] }, false},
	} {
		for _, n := range []int{1, 100, sampleValues - 1, sampleValues, sampleValues + 1, pageEntries, 3*pageEntries + 5} {
			batch := func() *schema.Batch {
				b := schema.NewBatch()
				for i := range n {
					b.Lines = append(b.Lines, schema.Position{Start: test.value(i), Set: schema.HasStart})
				}
				det := schema.Detection{}
				det.Locations[schema.LineKind].End = uint32(n)
				b.Detections = []schema.Detection{det}
				b.Results = []schema.Result{{Detections: schema.Range{End: 1}}}
				return b
			}
			b := batch()
			data := parquetFile(t, Options{}, schema.Occurrences(), nil, b)
			checkParquet(t, data, schema.Occurrences(), b)
			checkStatistics(t, data)
			group := openParquet(t, data).MetaData().RowGroup(0)
			for i := range group.NumColumns() {
				chunk, err := group.ColumnChunk(i)
				if err != nil {
					t.Fatal(err)
				}
				if chunk.PathInSchema().String() != "line_start" || n <= 100 {
					continue
				}
				if delta := slices.Contains(chunk.Encodings(), parquet.Encodings.DeltaBinaryPacked); delta != test.delta {
					t.Errorf("%s, %d values: encodings %v", test.name, n, chunk.Encodings())
				}
			}
		}
	}
}
