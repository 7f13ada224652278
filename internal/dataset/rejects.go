package dataset

import (
	"bufio"
	"context"
	"encoding/json"
	"slices"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Reject is a line of a file of rejects: a line of a source, or a source.
type Reject struct {
	URI string `json:"uri"`
	// Line is from 1; 0, and left out, where the whole object is rejected.
	Line int64 `json:"line,omitempty"`
	// Offset is that of the first error in the inflated stream.
	Offset int64        `json:"offset"`
	Class  schema.Class `json:"class"`
	// Bytes is how long the line is; of one that is too long only as much as
	// was kept.
	Bytes int64 `json:"bytes,omitempty"`
	// Raw is the line, base64 in JSON, at most its first 64 KiB.
	Raw []byte `json:"raw,omitempty"`
	// Error is what reading an object said.
	Error string `json:"error,omitempty"`
}

// maxRejectLine bounds a line of a file of rejects, in bytes: a URI and 64 KiB
// in base64.
const maxRejectLine = 1 << 20

// readRejects calls each for the rejects of a published part.
func readRejects(ctx context.Context, s store.Store, run string, part int, each func(*Reject) error) error {
	name := RejectsName(run, part)
	f, err := s.Open(ctx, name)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 0, 64<<10), maxRejectLine)
	for lines.Scan() {
		var r Reject
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return &DamagedError{Name: s.URI(name), Err: err}
		}
		if err := each(&r); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return &DamagedError{Name: s.URI(name), Err: err}
	}
	return ctx.Err()
}

// Rejected are the rejects of a source that are still that.
type Rejected struct {
	Version string  // of the source when it was planned
	Object  bool    // it is rejected as a whole
	Lines   []int64 // or these lines of it are, ascending
}

// Outstanding are the rejects of a dataset that no later run has taken up.
type Outstanding struct {
	store   store.Store
	sources map[string]*Rejected // by URI
	files   []rejectsPart
}

type rejectsPart struct {
	run  string
	part int
}

// LoadOutstanding reads which rejects committed runs have recorded and no run,
// committed or open, has taken up.
func LoadOutstanding(ctx context.Context, s store.Store, d *Dataset, runs []RunFiles) (*Outstanding, error) {
	o := &Outstanding{store: s, sources: map[string]*Rejected{}}
	for i := range runs {
		if err := o.run(ctx, d, &runs[i]); err != nil {
			return nil, err
		}
	}
	for uri, r := range o.sources {
		if !r.Object && len(r.Lines) == 0 {
			delete(o.sources, uri)
		}
	}
	return o, nil
}

// run takes in a run: by number, so that what one rejects a later one takes up.
func (o *Outstanding) run(ctx context.Context, d *Dataset, files *RunFiles) error {
	run, err := LoadRun(ctx, o.store, files.Run)
	if err != nil {
		return err
	}
	var end End
	if files.Ended {
		if end, err = LoadEnd(ctx, o.store, files.Run); err != nil {
			return err
		}
	}
	if end.State == Abandoned || !files.Ended && !run.Retry {
		return nil
	}
	if files.Ended && !run.Retry && end.Totals.Rejected+end.Totals.RejectedLines == 0 {
		return nil
	}
	return o.committed(ctx, d, &run, files.Ended)
}

func (o *Outstanding) committed(ctx context.Context, d *Dataset, run *Run, ended bool) error {
	var receipt Receipt
	part, at := -1, 0
	versions := map[string]string{} // of the part's sources that have rejects
	finish := func() error {
		if receipt.Rejects == "" {
			return nil
		}
		o.files = append(o.files, rejectsPart{run.Run, part})
		return readRejects(ctx, o.store, run.Run, part, func(r *Reject) error {
			version, ok := versions[r.URI]
			if !ok {
				return damaged(o.store, RejectsName(run.Run, part), "it has a source that isn't in the plan")
			}
			o.add(r, version)
			return nil
		})
	}
	err := ReadPlan(ctx, o.store, run, func(p *PlannedSource) error {
		if !ended { // an open run has taken up what it is to try again
			o.take(p)
			return nil
		}
		if p.Part != part {
			if err := finish(); err != nil {
				return err
			}
			var err error
			if receipt, err = LoadReceipt(ctx, o.store, d, run, p.Part); err != nil {
				return err
			}
			part, at = p.Part, 0
			clear(versions)
		}
		if at++; at > len(receipt.Objects) {
			return damaged(o.store, receiptName(run.Run, part), "it has %d objects", len(receipt.Objects))
		}
		object := &receipt.Objects[at-1]
		if object.Rejects > 0 || object.State == ObjectRejected {
			versions[p.URI] = p.ETag
		}
		if run.Retry && object.State != ObjectUnreadable {
			o.take(p)
		}
		return nil
	})
	if err != nil || !ended {
		return err
	}
	return finish()
}

// add takes in a reject.
func (o *Outstanding) add(r *Reject, version string) {
	s := o.sources[r.URI]
	if s == nil {
		s = &Rejected{}
		o.sources[r.URI] = s
	}
	s.Version = version
	if r.Line == 0 {
		s.Object = true
		return
	}
	if at, there := slices.BinarySearch(s.Lines, r.Line); !there {
		s.Lines = slices.Insert(s.Lines, at, r.Line)
	}
}

// take takes out what a source is planned for to be tried again.
func (o *Outstanding) take(p *PlannedSource) {
	s := o.sources[p.URI]
	if s == nil {
		return
	}
	if len(p.Lines) == 0 {
		s.Object = false
	}
	s.Lines = slices.DeleteFunc(s.Lines, func(n int64) bool {
		_, taken := slices.BinarySearch(p.Lines, n)
		return taken
	})
}

// Source returns what is rejected of a source; nil if nothing is.
func (o *Outstanding) Source(uri string) *Rejected { return o.sources[uri] }

// Sources is how many sources have rejects.
func (o *Outstanding) Sources() int { return len(o.sources) }

// Each calls each for the rejects, by run and part.
func (o *Outstanding) Each(ctx context.Context, each func(run string, r *Reject) error) error {
	latest := map[rejectKey]rejectsPart{}
	for _, f := range o.files {
		err := readRejects(ctx, o.store, f.run, f.part, func(r *Reject) error {
			latest[rejectKey{r.URI, r.Line}] = f
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, f := range o.files {
		err := readRejects(ctx, o.store, f.run, f.part, func(r *Reject) error {
			s := o.sources[r.URI]
			if s == nil || latest[rejectKey{r.URI, r.Line}] != f {
				return nil // taken up, or recorded again by a later run
			}
			_, line := slices.BinarySearch(s.Lines, r.Line)
			if r.Line == 0 && !s.Object || r.Line > 0 && !line {
				return nil
			}
			return each(f.run, r)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type rejectKey struct {
	uri  string
	line int64
}
