package query

import (
	"fmt"

	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Problems are what could not be added up.
type Problems struct {
	RejectedLines   int64
	RejectedObjects int64
	Unreadable      int64  // objects
	First           string // of them, where it is and why
}

// Problems returns what could not be added up of what was read so far.
func (s *Summary) Problems() Problems { return s.problems }

func (p *Problems) note(format string, args ...any) {
	if p.First == "" {
		p.First = fmt.Sprintf(format, args...)
	}
}

func (p *Problems) addBatch(b *schema.Batch) {
	for i := range b.Rejects {
		r := &b.Rejects[i]
		p.RejectedLines++
		p.note("%s line %d: %s at offset %d", b.Sources[r.Source].URI, r.Line, r.Class, r.Offset)
	}
}

func (p *Problems) addOutcome(uri string, o *stream.Outcome) {
	switch o.State {
	case stream.Rejected:
		p.RejectedObjects++
		p.note("%s: %s", uri, o.Class)
	case stream.Unreadable:
		p.Unreadable++
		p.note("%s: %v", uri, o.Err)
	}
}

func (p *Problems) add(o Problems) {
	p.RejectedLines += o.RejectedLines
	p.RejectedObjects += o.RejectedObjects
	p.Unreadable += o.Unreadable
	if o.First != "" {
		p.note("%s", o.First)
	}
}
