package convert

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

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
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
	Changed   int64 `json:"changed"`   // since they were converted
	Gone      int64 `json:"gone"`      // unreadable now

	// Of the recounted sources Lines, counted anew, are Records + Rejects +
	// Blank, as the receipts have them, unless there are problems.
	Lines    int64             `json:"lines"`
	Records  int64             `json:"records"`
	Rejects  int64             `json:"rejects"`
	Blank    int64             `json:"blank"`
	Problems []dataset.Problem `json:"problems"`
}

// account of a source, by the beginning of the hash of its URI: audits of many
// sources must fit in memory.
type audited struct {
	version                        [8]byte
	lines, records, rejects, blank int64
	state                          byte // the first letter of the object's state
}

func digest(s string) (d [16]byte) {
	sum := sha256.Sum256([]byte(s))
	return [16]byte(sum[:16])
}

func versionOf(etag string) [8]byte {
	d := digest(etag)
	return [8]byte(d[:8])
}

// Against reads the sources that inputs name again, counts their lines, and
// compares them with what the dataset's receipts say. As many are read at a time
// as workers says.
func Against(ctx context.Context, s store.Store, origins []input.Origin, inputs []string, limits stream.Limits, workers int, log *slog.Logger) (*Recount, error) {
	accounts := map[[16]byte]*audited{}
	err := dataset.Accounts(ctx, s, func(uri string, a *dataset.Account) error {
		if a.State == dataset.ObjectUnreadable {
			return nil
		}
		of := accounts[digest(uri)]
		if of == nil || a.RetriedLines == 0 {
			of = &audited{version: versionOf(a.Version), state: a.State[0], lines: a.Lines, records: a.Records, rejects: a.Rejects, blank: a.Blank}
			accounts[digest(uri)] = of
			return nil
		}
		of.records += a.Records
		of.rejects += a.Rejects - a.RetriedLines
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := &Recount{Problems: []dataset.Problem{}}
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, workers))
	l := input.Listing{Output: s.URI("."), Log: log}
	err = input.Find(groupCtx, origins, inputs, &l, func(source input.Source) error {
		of := accounts[digest(source.URI)]
		group.Go(func() error {
			return r.source(groupCtx, &mu, &source, of, limits)
		})
		return groupCtx.Err()
	})
	if groupErr := group.Wait(); groupErr != nil {
		err = groupErr
	}
	return r, err
}

// source recounts a source, if it is in the dataset as it is now.
func (r *Recount) source(ctx context.Context, mu *sync.Mutex, s *input.Source, of *audited, limits stream.Limits) error {
	current := of != nil && of.version == versionOf(s.ETag)
	var lines, blank int64
	var outcome stream.Outcome
	if current && of.state == dataset.ObjectConverted[0] {
		var err error
		if lines, blank, outcome, err = count(ctx, s, limits); err != nil {
			return err
		}
	}
	mu.Lock()
	defer mu.Unlock()
	r.Sources++
	switch {
	case of == nil:
		r.Missing++
	case !current:
		r.Changed++
	case of.state == dataset.ObjectRejected[0]:
		r.Rejected++
	case outcome.State == stream.Unreadable:
		r.Gone++
	default:
		r.Converted++
		r.Lines += lines
		r.Records += of.records
		r.Rejects += of.rejects
		r.Blank += of.blank
		if outcome.State == stream.Rejected {
			r.Problems = append(r.Problems, dataset.Problem{Name: s.URI, What: fmt.Sprintf("it is converted, but %s", outcome.Class)})
		} else if lines != of.records+of.rejects+of.blank || blank != of.blank {
			r.Problems = append(r.Problems, dataset.Problem{Name: s.URI, What: fmt.Sprintf("it has %d lines, %d of them blank; its receipts have %d records, %d rejects and %d blank",
				lines, blank, of.records, of.rejects, of.blank)})
		}
	}
	return nil
}

// count counts a source's lines, and those of them that are blank.
func count(ctx context.Context, s *input.Source, limits stream.Limits) (lines, blank int64, outcome stream.Outcome, err error) {
	reader := stream.NewReader([]stream.Object{s.Object()}, stream.ReaderOptions{Limits: limits})
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
