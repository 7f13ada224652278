package run

import (
	"context"
	"errors"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// Run is a claimed run with its sources.
type Run struct {
	*state.Run
	Files state.RunFiles // as they were listed; of a new run nothing
	parts [][]input.Source
	retry map[string]Retry // by URI; nil unless the run tries again what was rejected
}

// Retry says what of a source is tried again.
type Retry struct {
	Lines     []int64 // ascending; nil for the whole source
	InsteadOf string  // URI of the source with the rejects, if this one is a copy
}

// New is what a new run is made of.
type New struct {
	Dataset  *state.Dataset
	Number   int
	Previous string // SHA-256 of the claim before it
	Version  string // of macielake
	Options  state.Options
	Sources  []input.Source
	Retry    map[string]Retry // by URI; nil unless the run tries again what was rejected
}

// Claim plans the sources and writes the plan down, which claims them. It gives
// fs.ErrExist where another run has the number, which may have claimed some of
// them.
func Claim(ctx context.Context, s store.Store, n New) (*Run, error) {
	p := makePlan(n.Sources, n.Options.PartSize, n.Dataset.PartitionBy)
	n.Options.PartSize = p.partSize
	r := &Run{parts: p.parts, retry: n.Retry}
	c := state.Claim{
		Number: n.Number, Previous: n.Previous, Dataset: *n.Dataset, StartedAt: time.Now().UTC(), Version: n.Version,
		Retry: n.Retry != nil, Options: n.Options, Nonce: state.NewAddress(n.Dataset, n.Number).Nonce,
	}
	written, err := state.PutPlan(ctx, s, c.Nonce, r.Planned())
	if err != nil {
		return nil, err
	}
	c.Plan = *written
	if err := state.Fence(ctx, s, n.Dataset); err != nil {
		return nil, err
	}
	if r.Run, err = state.Put(ctx, s, c); err != nil {
		return nil, err
	}
	// A plan without a claim is garbage after a day, which may have passed.
	whole, err := state.HasPlan(ctx, s, written)
	if err == nil && !whole {
		_, err = state.PutPlan(ctx, s, c.Nonce, r.Planned())
	}
	return r, err
}

// Resume returns a run that hasn't ended with the sources of its plan, which the
// first of the origins opens that has their URI.
func Resume(ctx context.Context, s store.Store, claimed *state.RunState, origins []input.Origin) (*Run, error) {
	r := &Run{Run: claimed.Run, Files: claimed.Files}
	if claimed.Retry {
		r.retry = map[string]Retry{}
	}
	from := []input.Origin{goneStdin{}}
	for _, o := range origins {
		if _, ok := o.(input.Stdin); !ok {
			from = append(from, o)
		}
	}
	err := state.ReadPlan(ctx, s, claimed.Run, 0, func(p *state.PlannedSource) error {
		source, err := input.Restore(from, schema.Source{
			URI: p.URI, ETag: p.ETag, AdminAccountID: p.Admin, LastModified: p.LastModified,
		}, p.Region, p.Size)
		if err != nil {
			return err
		}
		if p.Part == len(r.parts) {
			r.parts = append(r.parts, nil)
		}
		r.parts[p.Part] = append(r.parts[p.Part], source)
		if len(p.Lines) > 0 || p.InsteadOf != "" {
			r.retry[p.URI] = Retry{p.Lines, p.InsteadOf}
		}
		return nil
	})
	return r, err
}

// goneStdin is the origin of a standard input that was read by a converter that
// didn't finish: nobody can read it again.
type goneStdin struct{}

var errStdinGone = errors.New("standard input can't be read again")

func (goneStdin) Has(uri string) bool { return uri == input.StdinName }

func (goneStdin) List(context.Context, string, *input.Listing, func(input.Source) error) error {
	return errStdinGone
}

func (goneStdin) Open(context.Context, *input.Source) (io.ReadCloser, error) {
	return nil, errStdinGone
}

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
	bytes    int64
}

// makePlan packs the sources, in the order of their regions and keys, into parts of
// up to partSize stored bytes. A region that begins in the middle of a part doesn't
// end it: else a daily run over many regions would be nothing but tiny files, and
// where there are many parts all but one or two of a region are its alone. Only
// where the tables have a directory for each region does a part keep to one, so as
// not to open the files of several. A source of unknown size has a part of its own.
func makePlan(sources []input.Source, partSize int64, partitionBy []string) *plan {
	input.Sort(sources)
	p := &plan{}
	for i := range sources {
		p.bytes += max(0, sources[i].Size)
	}
	p.partSize = min(partSize, max(smallPart, p.bytes/smallRunParts))
	apart := slices.Contains(partitionBy, string(sink.ByRegion))
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

// Forecast returns how many parts a run of the sources would have, and their
// stored bytes.
func Forecast(sources []input.Source, partSize int64, partitionBy []string) (parts, bytes int64) {
	p := makePlan(sources, partSize, partitionBy)
	return int64(len(p.parts)), p.bytes
}

// Planned lists the plan as the state has it.
func (r *Run) Planned() iter.Seq[state.PlannedSource] {
	return func(yield func(state.PlannedSource) bool) {
		for part, sources := range r.parts {
			for i := range sources {
				if !yield(*r.planOf(part, &sources[i])) {
					return
				}
			}
		}
	}
}

func (r *Run) planOf(part int, s *input.Source) *state.PlannedSource {
	retry := r.retry[s.URI]
	return &state.PlannedSource{
		Part: part, URI: s.URI, Size: s.Size, ETag: s.ETag, LastModified: s.LastModified,
		Region: s.Region, Admin: s.AdminAccountID, Lines: retry.Lines, InsteadOf: retry.InsteadOf,
	}
}

// sizes are the stored sizes of the parts. One of unknown size may be the largest.
func (r *Run) sizes() []int64 {
	sizes := make([]int64, len(r.parts))
	for part, sources := range r.parts {
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
