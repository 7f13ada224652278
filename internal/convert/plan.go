package convert

import (
	"iter"
	"math"
	"slices"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/sink"
)

// A run that is small in all has parts of about this share of it, but not below
// this size: enough of them to keep cores busy, few enough to make large files.
// A function of the inputs alone, never of the machine.
const (
	smallRunParts = 16
	smallPart     = 10 << 20
)

// plan is which sources belong to which part.
type plan struct {
	parts    [][]input.Source
	partSize int64
	sources  int64
	bytes    int64
	// lines are those to convert of a source, by URI, where they aren't all;
	// nil unless the run takes up rejects.
	lines map[string][]int64
}

// makePlan packs the sources, in the order of their regions and keys, into parts of
// up to partSize stored bytes. A region that begins in the middle of a part doesn't
// end it: else a daily run over many regions would be nothing but tiny files, and
// where there are many parts all but one or two of a region are its alone. Only
// where the tables have a directory for each region does a part keep to one, so as
// not to open the files of several. A source of unknown size has a part of its own.
func makePlan(sources []input.Source, partSize int64, by []sink.PartitionKey) *plan {
	input.Sort(sources)
	p := &plan{sources: int64(len(sources))}
	for i := range sources {
		p.bytes += max(0, sources[i].Size)
	}
	p.partSize = min(partSize, max(smallPart, p.bytes/smallRunParts))
	apart := slices.Contains(by, sink.ByRegion)
	first, size := 0, int64(0)
	for i := range sources {
		s := &sources[i]
		if i > first {
			before := &sources[i-1]
			if apart && s.Region != before.Region || s.Size < 0 || before.Size < 0 || size+s.Size > p.partSize {
				p.parts = append(p.parts, sources[first:i])
				first, size = i, 0
			}
		}
		size += max(0, s.Size)
	}
	p.parts = append(p.parts, sources[first:])
	return p
}

// planned lists the plan as the state has it.
func (p *plan) planned() iter.Seq[dataset.PlannedSource] {
	return func(yield func(dataset.PlannedSource) bool) {
		for i, part := range p.parts {
			for _, s := range part {
				if !yield(dataset.PlannedSource{
					Part: i, URI: s.URI, Size: s.Size, ETag: s.ETag, LastModified: s.LastModified,
					Region: s.Region, Admin: s.AdminAccountID, Lines: p.lines[s.URI],
				}) {
					return
				}
			}
		}
	}
}

// sizes are the stored sizes of the parts. One of unknown size may be the largest.
func (p *plan) sizes() []int64 {
	sizes := make([]int64, len(p.parts))
	for part, sources := range p.parts {
		for i := range sources {
			if sources[i].Size < 0 { // alone in its part
				sizes[part] = math.MaxInt64
				break
			}
			sizes[part] += sources[i].Size
		}
	}
	return sizes
}
