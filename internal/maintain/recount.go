package maintain

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Recount is what came of reading sources again and comparing them with a
// dataset.
type Recount struct {
	Sources   int64 `json:"sources"`   // among the inputs
	Converted int64 `json:"converted"` // of them, recounted
	Rejected  int64 `json:"rejected"`  // as a whole
	Missing   int64 `json:"missing"`   // not converted yet, or unreadable then
	// Changed are in another version than the one that is converted, Accepted
	// those of them whose new version was left out for good.
	Changed  int64 `json:"changed"`
	Accepted int64 `json:"accepted_changes"`
	Gone     int64 `json:"gone"` // unreadable now

	// Of the recounted sources Lines, counted anew, are Records + Rejects +
	// Blank, as the receipts have them, unless there are problems.
	Lines    int64     `json:"lines"`
	Records  int64     `json:"records"`
	Rejects  int64     `json:"rejects"`
	Blank    int64     `json:"blank"`
	Problems []Problem `json:"problems"`
}

// RecountOptions say which sources are read again, and how.
type RecountOptions struct {
	Origins []input.Origin
	Inputs  []string // as a user names them
	Limits  stream.Limits
	Workers int // sources that are read at a time
	Log     *slog.Logger
}

// sourceAccount is what a dataset says of a source: small, since audits of many
// sources must fit in memory.
type sourceAccount struct {
	version                        [8]byte
	lines, records, rejects, blank int64
	state                          byte // the first letter of the outcome's state
}

// digest stands for a text in tables that must fit in memory.
type digest [16]byte

func digestOf(s string) digest {
	sum := sha256.Sum256([]byte(s))
	return digest(sum[:])
}

func versionOf(etag string) [8]byte {
	d := digestOf(etag)
	return [8]byte(d[:8])
}

func copyDigest(copyID string, size int64) digest {
	return digestOf(fmt.Sprintf("%d %s", size, copyID))
}

// recounter compares sources with a dataset.
type recounter struct {
	limits   stream.Limits
	byURI    map[digest]*sourceAccount
	byCopy   map[digest]*sourceAccount // by the key from AWSLogs/ on, and the size
	accepted map[string]state.Version

	mu    sync.Mutex
	found Recount
}

// RecountSources reads the sources that the inputs name again, counts their lines,
// and compares them with what the dataset's receipts say.
func RecountSources(ctx context.Context, s store.Store, o RecountOptions) (*Recount, error) {
	d, runs, err := state.Open(ctx, s, state.Everything)
	if err != nil {
		return nil, err
	}
	notes, err := state.LoadNotes(ctx, s, &d)
	if err != nil {
		return nil, err
	}
	r := &recounter{limits: o.Limits, byURI: map[digest]*sourceAccount{}, byCopy: map[digest]*sourceAccount{}, accepted: notes.Accepted}
	r.found.Problems = []Problem{}
	for i := range runs {
		if runs[i].Committed() {
			if err := state.EachSource(ctx, s, &runs[i], r.add); err != nil {
				return nil, err
			}
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, o.Workers))
	l := input.Listing{Output: s.URI("."), Log: o.Log}
	err = input.Find(groupCtx, o.Origins, o.Inputs, &l, func(source input.Source) error {
		group.Go(func() error { return r.source(groupCtx, &source) })
		return groupCtx.Err()
	})
	if groupErr := group.Wait(); groupErr != nil {
		err = groupErr
	}
	return &r.found, err
}

// add takes in what a run says of a source.
func (r *recounter) add(p *state.PlannedSource, o *state.Outcome, _ *state.Receipt) error {
	if o.State == state.Unreadable {
		return nil
	}
	key := digestOf(p.Original())
	of := r.byURI[key]
	if of == nil || o.RetriedLines == 0 {
		of = &sourceAccount{version: versionOf(p.ETag), state: o.State[0], lines: o.Lines, records: o.Records, rejects: o.Rejects, blank: o.Blank}
		r.byURI[key] = of
		if id := coord.CopyID(p.URI); id != "" {
			r.byCopy[copyDigest(id, p.Size)] = of
		}
		return nil
	}
	of.records += o.Records
	of.rejects += o.Rejects - o.RetriedLines
	return nil
}

// account returns what the dataset says of a source, and whether that is about the
// version that it has.
func (r *recounter) account(s *input.Source) (of *sourceAccount, current bool) {
	if of = r.byURI[digestOf(s.URI)]; of != nil && of.version == versionOf(s.ETag) {
		return of, true
	}
	if id := coord.CopyID(s.URI); id != "" {
		if copied := r.byCopy[copyDigest(id, s.Size)]; copied != nil {
			return copied, true
		}
	}
	return of, false
}

// source recounts a source, if the dataset has it as it is now.
func (r *recounter) source(ctx context.Context, s *input.Source) error {
	of, current := r.account(s)
	var lines, blank int64
	var outcome stream.Outcome
	if current && of.state == state.Converted[0] {
		var err error
		if lines, blank, outcome, err = countLines(ctx, s, r.limits); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f := &r.found
	f.Sources++
	switch {
	case of == nil:
		f.Missing++
	case !current:
		if left, ok := r.accepted[s.URI]; ok && left.ETag == s.ETag && left.Size == s.Size {
			f.Accepted++
		} else {
			f.Changed++
		}
	case of.state == state.Rejected[0]:
		f.Rejected++
	case outcome.State == stream.Unreadable:
		f.Gone++
	default:
		f.Converted++
		f.Lines += lines
		f.Records += of.records
		f.Rejects += of.rejects
		f.Blank += of.blank
		if outcome.State == stream.Rejected {
			f.Problems = append(f.Problems, Problem{Name: s.URI, What: fmt.Sprintf("is converted, and can't be now: %s", outcome.Class)})
		} else if lines != of.records+of.rejects+of.blank || blank != of.blank {
			f.Problems = append(f.Problems, Problem{Name: s.URI, What: fmt.Sprintf("has %d lines, %d of them blank; its receipts have %d records, %d rejects and %d blank",
				lines, blank, of.records, of.rejects, of.blank)})
		}
	}
	return nil
}

func countLines(ctx context.Context, s *input.Source, limits stream.Limits) (lines, blank int64, outcome stream.Outcome, err error) {
	reader := stream.NewReader([]stream.Source{s.Object()}, stream.ReaderOptions{Limits: limits})
	defer reader.Close()
	b := schema.NewBatch()
	for {
		err := reader.Next(ctx, b)
		if err == io.EOF {
			outcome = reader.Outcomes()[0]
			return outcome.Lines, blank, outcome, nil
		}
		if spoiled := (*stream.SpoiledError)(nil); errors.As(err, &spoiled) {
			return 0, 0, spoiled.Outcome, nil
		}
		if err != nil {
			return 0, 0, outcome, err
		}
		for _, segment := range b.Segments {
			if segment.TooLong > 0 {
				continue
			}
			for line := range bytes.Lines(b.Buf[segment.Start:segment.End]) {
				if len(bytes.Trim(line, " \t\r\n")) == 0 {
					blank++
				}
			}
		}
	}
}
