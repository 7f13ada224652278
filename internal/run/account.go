package run

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"github.com/bytedance/sonic"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// maxRaw is how many bytes of a rejected line are kept.
const maxRaw = 64 << 10

// account counts what goes through a part, and writes down the rejects.
// It takes the part's batches in order.
type account struct {
	raw    bool
	create func(name string, access store.Access) (store.Output, error)

	sources []input.Source
	// retry says what the run tries again, by URI; nil unless it does.
	retry    map[string]Retry
	current  int
	outcomes []state.Outcome // one per source
	out      *hashedOutput   // nil before the first reject
	rejects  int64
	first    *state.Reject // nil before the first reject; without its raw bytes
	classes  map[schema.Class]int64
	kinds    [schema.NumKinds]int64
	unknown  map[string]int64
}

func newAccount(sources []input.Source, retry map[string]Retry, raw bool, create func(string, store.Access) (store.Output, error)) *account {
	outcomes := make([]state.Outcome, len(sources))
	clear(outcomes) // new memory is best written before it is read: docs/performance.md
	return &account{
		raw: raw, create: create, sources: sources, retry: retry,
		outcomes: outcomes,
		classes:  make(map[schema.Class]int64),
		unknown:  make(map[string]int64),
	}
}

func (a *account) add(b *schema.Batch) error {
	// Which of the part's outcomes belongs to each source of the batch: both are in
	// order.
	outcomes := make([]*state.Outcome, len(b.Sources))
	for i := range b.Sources {
		for a.sources[a.current].URI != b.Sources[i].URI {
			a.current++
		}
		outcomes[i] = &a.outcomes[a.current]
	}
	for i := range b.Results {
		r := &b.Results[i]
		outcomes[r.Source].Records++
		for j := r.Detections.First; j < r.Detections.End; j++ {
			for k, locations := range b.Detections[j].Locations {
				a.kinds[k] += int64(locations.Len())
			}
		}
	}
	for _, source := range b.Dropped {
		outcomes[source].Records++
		outcomes[source].Filtered++
	}
	for name, n := range b.Unknown {
		AddUnknown(a.unknown, name, n)
	}
	for i := range b.Rejects {
		r := &b.Rejects[i]
		outcomes[r.Source].Rejects++
		reject := state.Reject{
			URI: b.Sources[r.Source].URI, Line: r.Line, Offset: r.Offset, Class: r.Class, Bytes: int64(r.Raw.Len),
		}
		if a.raw {
			raw := b.Text(r.Raw)
			reject.Raw = raw[:min(len(raw), maxRaw)]
		}
		if err := a.reject(reject); err != nil {
			return err
		}
	}
	return nil
}

func (a *account) finish(outcomes []stream.Outcome) error {
	for _, o := range outcomes {
		obj := &a.outcomes[o.Index]
		uri := a.sources[o.Index].URI
		lines := a.retry[uri].Lines
		if o.State == stream.Rejected && lines != nil {
			// Lines of it were converted once: it has changed since.
			o.State, o.Err = stream.Unreadable, fmt.Errorf("it can't be read as it was: %s", o.Class)
		}
		obj.State = o.State.String()
		obj.Stored, obj.Inflated = o.Stored, o.Inflated
		switch o.State {
		case stream.Converted:
			obj.Lines = o.Lines
			if lines != nil {
				obj.Lines = int64(len(lines))
				obj.RetriedLines = obj.Lines
			}
			obj.Blank = obj.Lines - obj.Records - obj.Rejects
		case stream.Rejected:
			obj.Class = o.Class
			reject := state.Reject{URI: uri, Offset: o.Offset, Class: o.Class}
			if o.Err != nil {
				reject.Error = o.Err.Error()
			}
			if err := a.reject(reject); err != nil {
				return err
			}
		case stream.Unreadable:
			obj.Error = o.Err.Error()
		}
		if a.retry != nil && lines == nil && o.State != stream.Unreadable {
			obj.RetriedSources = 1
		}
	}
	return nil
}

// fill puts into a receipt what the account has counted. Kinds of occurrences are skipped if
// that table is not written.
func (a *account) fill(r *state.Receipt, tables []string) {
	r.Sources, r.Classes, r.Unknown = a.outcomes, a.classes, a.unknown
	if slices.Contains(tables, "occurrences") {
		r.Kinds = make(map[string]int64)
		for k, n := range a.kinds {
			if n > 0 {
				r.Kinds[schema.Kind(k).String()] = n
			}
		}
	}
}

func (a *account) reject(r state.Reject) error {
	if a.out == nil {
		out, err := a.create(state.StagedRejects, store.Private)
		if err != nil {
			return err
		}
		a.out = &hashedOutput{Output: out, sum: sha256.New()}
	}
	a.rejects++
	a.classes[r.Class]++
	line, err := sonic.Marshal(r)
	if a.first == nil {
		r.Raw = nil
		a.first = &r
	}
	if err == nil {
		_, err = a.out.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the rejects: %w", err)
	}
	return nil
}

// commit makes the rejects durable; nil if there are none.
func (a *account) commit() (*state.RejectsFile, error) {
	if a.out == nil {
		return nil, nil
	}
	if err := a.out.Commit(); err != nil {
		return nil, fmt.Errorf("writing the rejects: %w", err)
	}
	return &state.RejectsFile{Bytes: a.out.bytes, SHA256: hex.EncodeToString(a.out.sum.Sum(nil)), ETag: a.out.ETag()}, nil
}

// hashedOutput counts and hashes what is written.
type hashedOutput struct {
	store.Output
	bytes int64
	sum   hash.Hash
}

func (o *hashedOutput) Write(p []byte) (int, error) {
	n, err := o.Output.Write(p)
	o.bytes += int64(n)
	o.sum.Write(p[:n])
	return n, err
}

func (a *account) abort() error {
	if a.out == nil {
		return nil
	}
	return a.out.Abort()
}

// maxUnknown is how many unknown fields are told apart in a summary; input can
// have any number. The others are counted under otherUnknown.
const (
	maxUnknown   = 1000
	otherUnknown = "(others)"
)

// AddUnknown adds to the counts of an unknown field. Once there are many, others
// are counted together.
func AddUnknown(counts map[string]int64, name string, n int64) {
	if _, ok := counts[name]; !ok && len(counts) >= maxUnknown {
		name = otherUnknown
	}
	counts[name] += n
}

// keepLines takes out of a batch all lines except those that a run tries again.
func keepLines(retry map[string]Retry, b *schema.Batch) {
	wanted := func(source uint32, line int64) bool {
		lines := retry[b.Sources[source].URI].Lines
		_, ok := slices.BinarySearch(lines, line)
		return ok || lines == nil
	}
	b.Results = slices.DeleteFunc(b.Results, func(r schema.Result) bool { return !wanted(r.Source, r.Int[schema.SourceLine]) })
	b.Rejects = slices.DeleteFunc(b.Rejects, func(r schema.Reject) bool { return !wanted(r.Source, r.Line) })
}
