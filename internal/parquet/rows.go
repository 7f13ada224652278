package parquet

import "github.com/macielake/macielake/pkg/schema"

// rowRun is a result or detection of a batch, and how many rows of the table it
// is repeated in; never 0.
type rowRun struct {
	row uint32
	n   int
}

// rowRuns are the rows of one call of Write, as runs of what they share.
type rowRuns struct {
	results    []rowRun
	detections []rowRun
}

// find collects the rows of b.Results[first:end] in a table with that row
// level, and returns how many there are.
func (p *rowRuns) find(b *schema.Batch, level schema.Level, first, end int) int64 {
	p.results, p.detections = p.results[:0], p.detections[:0]
	total := int64(0)
	for i := first; i < end; i++ {
		n := 1
		if level != schema.ResultLevel {
			n = p.findDetections(b, level, b.Results[i].Detections)
		}
		if n > 0 {
			p.results = append(p.results, rowRun{uint32(i), n})
			total += int64(n)
		}
	}
	return total
}

func (p *rowRuns) findDetections(b *schema.Batch, level schema.Level, detections schema.Range) int {
	total := 0
	for i := detections.First; i < detections.End; i++ {
		n := 1
		if level == schema.OccurrenceLevel {
			n = b.Detections[i].Rows()
		}
		if n > 0 {
			p.detections = append(p.detections, rowRun{i, n})
			total += n
		}
	}
	return total
}
