// Package batchtest makes decoded batches for tests of what reads them.
package batchtest

import (
	"math"
	"math/rand/v2"

	"github.com/macielake/macielake/pkg/schema"
)

// Random returns a batch of that many results, the same for the same seed:
// nulls and empty texts everywhere, texts that repeat and texts that are huge,
// maps that are null, empty and with null values, results without detections,
// detections without locations and with thousands, and rows that nothing names.
func Random(seed uint64, results int) *schema.Batch {
	g := &batchGen{Rand: rand.New(rand.NewPCG(seed, 1)), b: schema.NewBatch()}
	for range results {
		g.result()
	}
	return g.b
}

type batchGen struct {
	*rand.Rand
	b      *schema.Batch
	recent []schema.Span
}

// one reports true once in n.
func (g *batchGen) one(n int) bool { return g.IntN(n) == 0 }

func (g *batchGen) text() schema.Span {
	switch {
	case g.one(5):
		return schema.Span{}
	case g.one(10):
		return schema.Span{Off: uint32(len(g.b.Buf))}
	case len(g.recent) > 0 && !g.one(4):
		return g.recent[g.IntN(len(g.recent))]
	}
	return g.fresh()
}

func (g *batchGen) fresh() schema.Span {
	alphabet := []rune("ab0/é€𝄞\x00\x7f\uffff")
	n, huge := 1+g.IntN(40), g.one(1000)
	if g.one(50) {
		n = 1000 + g.IntN(50) // around 1,024 bytes, the bound of statistics
	} else if huge {
		n = 20_000
	}
	off := len(g.b.Buf)
	for range n {
		g.b.Buf = append(g.b.Buf, string(alphabet[g.IntN(len(alphabet))])...)
	}
	s := schema.Span{Off: uint32(off), Len: uint32(len(g.b.Buf) - off)}
	switch {
	case huge: // is not repeated, or rows would take gigabytes
	case len(g.recent) < 20:
		g.recent = append(g.recent, s)
	default:
		g.recent[g.IntN(len(g.recent))] = s
	}
	return s
}

func (g *batchGen) int() int64 {
	switch g.IntN(10) {
	case 0:
		return math.MinInt64
	case 1:
		return math.MaxInt64
	case 2, 3:
		return 0
	case 4:
		return int64(g.Uint64())
	default:
		return g.Int64N(100)
	}
}

// ints fills values and returns which of them are not null.
func (g *batchGen) ints(values []int64) uint64 {
	set := uint64(0)
	for i := range values {
		if !g.one(4) {
			values[i] = g.int()
			set |= 1 << i
		}
	}
	return set
}

func (g *batchGen) result() {
	res := schema.Result{}
	for i := range res.Text {
		res.Text[i] = g.text()
	}
	res.IntSet = uint32(g.ints(res.Int[:]))
	res.Int[schema.SeverityScore] = int64(int32(res.Int[schema.SeverityScore]))
	for _, slot := range []int{schema.CreatedAt, schema.UpdatedAt, schema.BucketCreatedAt, schema.ObjectLastModified, schema.ArchiveMemberLastModified} {
		if res.HasInt(slot) { // the years 0001 to 9999
			res.Int[slot] = -62_135_596_800_000_000 + g.Int64N(315_537_897_600_000_000)
		}
	}
	res.BoolSet = g.Uint32() & (1<<schema.NumResultBool - 1)
	res.BoolVal = g.Uint32() & res.BoolSet
	for i := range res.Maps {
		if g.one(3) {
			continue
		}
		res.MapSet |= 1 << i
		res.Maps[i].First = uint32(len(g.b.Tags))
		for range g.IntN(4) {
			g.b.Tags = append(g.b.Tags, schema.Tag{Key: g.fresh(), Value: g.text()})
		}
		res.Maps[i].End = uint32(len(g.b.Tags))
	}
	// Detections are appended after their locations, so collect them first.
	var dets []schema.Detection
	if !g.one(3) {
		for range g.IntN(5) {
			dets = append(dets, g.detection(int64(len(dets))))
		}
	}
	if g.one(5) {
		g.b.Detections = append(g.b.Detections, g.detection(0)) // named by nothing
	}
	res.Detections.First = uint32(len(g.b.Detections))
	g.b.Detections = append(g.b.Detections, dets...)
	res.Detections.End = uint32(len(g.b.Detections))
	g.b.Results = append(g.b.Results, res)
}

func (g *batchGen) detection(index int64) schema.Detection {
	det := schema.Detection{Capped: g.one(2)}
	for i := range det.Text {
		det.Text[i] = g.text()
	}
	det.IntSet = uint8(g.ints(det.Int[:])) | 1<<schema.DetectionIndex | 1<<schema.DetectionLocationCount
	det.Int[schema.DetectionIndex] = index
	for kind := range det.Locations {
		n := 0
		switch {
		case g.one(100):
			n = 1000 + g.IntN(2000)
		case g.one(2):
			n = g.IntN(6)
		}
		first := g.location(schema.Kind(kind))
		for range n { // the last is named by nothing
			g.location(schema.Kind(kind))
		}
		det.Locations[kind] = schema.Range{First: first, End: first + uint32(n)}
	}
	det.Int[schema.DetectionLocationCount] = int64(det.Rows())
	return det
}

// location appends a location and returns its index.
func (g *batchGen) location(kind schema.Kind) uint32 {
	b := g.b
	switch kind {
	case schema.CellKind:
		b.Cells = append(b.Cells, schema.Cell{
			Row: g.int(), Column: g.int(), Name: g.text(), Reference: g.text(), Set: uint8(g.IntN(4)),
		})
		return uint32(len(b.Cells) - 1)
	case schema.LineKind:
		b.Lines = append(b.Lines, g.position())
		return uint32(len(b.Lines) - 1)
	case schema.OffsetKind:
		b.Offsets = append(b.Offsets, g.position())
		return uint32(len(b.Offsets) - 1)
	case schema.PageKind:
		b.Pages = append(b.Pages, schema.Page{
			Number: g.int(), HasNumber: !g.one(3), Line: g.position(), Offset: g.position(),
		})
		return uint32(len(b.Pages) - 1)
	default:
		b.Records = append(b.Records, schema.Record{Index: g.int(), Path: g.text(), Set: uint8(g.IntN(2))})
		return uint32(len(b.Records) - 1)
	}
}

func (g *batchGen) position() schema.Position {
	return schema.Position{Start: g.int(), End: g.int(), StartColumn: g.int(), Set: uint8(g.IntN(8))}
}
