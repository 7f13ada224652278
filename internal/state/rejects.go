package state

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Reject is a line of a file of rejects: a line of a source, or a source.
type Reject struct {
	URI string `json:"uri"`
	// Line is from 1; 0, and left out, where the whole source is rejected.
	Line int64 `json:"line,omitempty"`
	// Offset is that of the first error in the inflated stream.
	Offset int64        `json:"offset"`
	Class  schema.Class `json:"class"`
	// Bytes is how long the line is; of one that is too long only as much as
	// was kept.
	Bytes int64 `json:"bytes,omitempty"`
	// Raw is the line, base64 in JSON, at most its first 64 KiB.
	Raw []byte `json:"raw,omitempty"`
	// Error is what reading a source said.
	Error string `json:"error,omitempty"`
}

// maxRejectLine bounds a line of a file of rejects, in bytes: a URI and 64 KiB
// in base64.
const maxRejectLine = 1 << 20

// EachReject calls each for the rejects of a published part, whose file must have
// the bytes that want says: what comes before a wrong byte is passed on before
// that is found.
func EachReject(ctx context.Context, s store.Store, a Address, part int, want *RejectsFile, each func(*Reject) error) error {
	name := RejectsName(a, part)
	f, err := s.Open(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return &NotWholeError{Name: s.URI(name), What: fmt.Sprintf("the receipt of part %d of run %s names it", part, a)}
	}
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(f, h))
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
	if hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		return damaged(s, name, "its bytes aren't those that were written")
	}
	return ctx.Err()
}

// RejectedSource are the rejects of a source that are still that.
type RejectedSource struct {
	Version string  // of the source when it was planned
	Whole   bool    // it is rejected as a whole
	Lines   []int64 // or these lines of it are, ascending
}

// Outstanding are the rejects of a dataset that no later run has tried again.
type Outstanding struct {
	store   store.Store
	sources map[string]*RejectedSource // by URI
	files   []rejectsPart
}

// rejectsPart is a part with a file of rejects.
type rejectsPart struct {
	run  *RunState
	part int
}

func (f rejectsPart) each(ctx context.Context, s store.Store, each func(*Reject) error) error {
	return EachReject(ctx, s, f.run.Address(), f.part, f.run.End.Parts[f.part].Rejects, each)
}

// LoadOutstanding reads which rejects committed runs have recorded and no run,
// committed or open, has tried again. It keeps the runs.
func LoadOutstanding(ctx context.Context, s store.Store, runs []RunState) (*Outstanding, error) {
	o := &Outstanding{store: s, sources: map[string]*RejectedSource{}}
	for i := range runs { // by number, so that what one rejects a later one takes up
		r := &runs[i]
		var err error
		switch {
		case r.Open() && r.Retry:
			err = ReadPlan(ctx, s, r.Run, 0, func(p *PlannedSource) error {
				o.take(p)
				return nil
			})
		case r.Committed() && (r.Retry || r.End.Totals.Rejected+r.End.Totals.RejectedLines > 0):
			err = o.committed(ctx, r)
		}
		if err != nil {
			return nil, err
		}
	}
	for uri, r := range o.sources {
		if !r.Whole && len(r.Lines) == 0 {
			delete(o.sources, uri)
		}
	}
	return o, nil
}

func (o *Outstanding) committed(ctx context.Context, r *RunState) error {
	var receipt *Receipt
	planned := map[string]*PlannedSource{} // of the part's sources that have rejects, by URI
	finish := func() error {
		if receipt == nil || receipt.Rejects == nil {
			return nil
		}
		f := rejectsPart{r, receipt.Part}
		o.files = append(o.files, f)
		return f.each(ctx, o.store, func(reject *Reject) error {
			p := planned[reject.URI]
			if p == nil {
				return damaged(o.store, RejectsName(r.Address(), f.part), "it has a source without rejects in the receipt")
			}
			o.add(reject, p)
			return nil
		})
	}
	err := EachSource(ctx, o.store, r, func(p *PlannedSource, outcome *Outcome, of *Receipt) error {
		if of != receipt {
			if err := finish(); err != nil {
				return err
			}
			receipt = of
			clear(planned)
		}
		if outcome.Rejects > 0 || outcome.State == Rejected {
			planned[p.URI] = p
		}
		if r.Retry && outcome.State != Unreadable {
			o.take(p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return finish()
}

func (o *Outstanding) add(r *Reject, p *PlannedSource) {
	s := o.sources[r.URI]
	if s == nil {
		s = &RejectedSource{}
		o.sources[r.URI] = s
	}
	s.Version = p.ETag
	if r.Line == 0 {
		s.Whole = true
		return
	}
	if at, there := slices.BinarySearch(s.Lines, r.Line); !there {
		s.Lines = slices.Insert(s.Lines, at, r.Line)
	}
}

// take takes out what a source is planned for to be tried again.
func (o *Outstanding) take(p *PlannedSource) {
	s := o.sources[p.Original()]
	if s == nil {
		return
	}
	if len(p.Lines) == 0 {
		s.Whole = false
	}
	s.Lines = slices.DeleteFunc(s.Lines, func(n int64) bool {
		_, taken := slices.BinarySearch(p.Lines, n)
		return taken
	})
}

// Source returns what is rejected of a source; nil if nothing is.
func (o *Outstanding) Source(uri string) *RejectedSource { return o.sources[uri] }

// All are the sources with rejects, by URI, in no order.
func (o *Outstanding) All() iter.Seq2[string, *RejectedSource] { return maps.All(o.sources) }

// Each calls each for the rejects, by run and part.
func (o *Outstanding) Each(ctx context.Context, each func(run *RunState, r *Reject) error) error {
	latest := map[rejectKey]rejectsPart{}
	for _, f := range o.files {
		err := f.each(ctx, o.store, func(r *Reject) error {
			latest[rejectKey{r.URI, r.Line}] = f
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, f := range o.files {
		err := f.each(ctx, o.store, func(r *Reject) error {
			s := o.sources[r.URI]
			if s == nil || latest[rejectKey{r.URI, r.Line}] != f {
				return nil // tried again, or recorded again by a later run
			}
			_, line := slices.BinarySearch(s.Lines, r.Line)
			if r.Line == 0 && !s.Whole || r.Line > 0 && !line {
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
