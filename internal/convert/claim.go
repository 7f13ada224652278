package convert

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
)

// claim plans the sources and writes the plan down, which claims them. It gives
// fs.ErrExist where other runs have begun since the runs were listed: they may
// have claimed some of them.
func (c *converter) claim(ctx context.Context, sources []input.Source, lines map[string][]int64) (*run, error) {
	o := c.o
	if !c.probed {
		if err := c.probe(ctx); err != nil {
			return nil, err
		}
		c.probed = true
	}
	if c.dataset == nil {
		if err := c.create(ctx); err != nil {
			return nil, err
		}
	}
	plan := makePlan(sources, o.PartSize, o.PartitionBy)
	plan.lines = lines
	nonce, begun := dataset.NewNonce(), time.Now()
	segments, err := dataset.PutPlan(ctx, c.store, nonce, plan.planned())
	if err != nil {
		return nil, err
	}
	n := 1
	if len(c.runs) > 0 {
		n = c.runs[len(c.runs)-1].N + 1
	}
	state := dataset.Run{
		Run: dataset.RunName(n), Nonce: nonce, StartedAt: time.Now().UTC(), Version: o.Version,
		Retry: lines != nil,
		Options: dataset.Options{
			Compression: o.Compression, TargetFileSize: o.TargetFileSize, PartSize: plan.partSize,
			MaxLineBytes: o.Limits.MaxLineBytes, MaxInflatedBytes: o.Limits.MaxInflatedBytes,
			MaxRatio: o.Limits.MaxRatio, RatioFrom: o.Limits.RatioFrom,
			RejectRaw: o.RejectRaw, MaxRejects: o.MaxRejects,
		},
		Parts: len(plan.parts), Sources: plan.sources, Bytes: plan.bytes, Plan: segments,
	}
	if err := dataset.PutRun(ctx, c.store, state); err != nil {
		return nil, err
	}
	if late(begun) {
		// Maintenance may have taken the segments for those of a dead run.
		if _, err := dataset.PutPlan(ctx, c.store, nonce, plan.planned()); err != nil {
			return nil, err
		}
	}
	return c.newRun(dataset.RunFiles{N: n, Run: state.Run}, &state, plan)
}

// late reports whether so much time has passed, by any clock, that a file which
// nobody named until now may have become garbage.
func late(begun time.Time) bool {
	now := time.Now()
	return now.Sub(begun) > dataset.GarbageAge/4 || now.Round(0).Sub(begun.Round(0)).Abs() > dataset.GarbageAge/4
}

// probe refuses a store in which two converters could claim the same.
func (c *converter) probe(ctx context.Context) error {
	err := dataset.Probe(ctx, c.store)
	if e := (*dataset.NotCreateOnlyError)(nil); c.o.SingleWriter && errors.As(err, &e) {
		return nil
	}
	return err
}

// create makes the dataset, or takes the one that another converter has just
// made.
func (c *converter) create(ctx context.Context) error {
	d := c.o.dataset()
	err := dataset.Create(ctx, c.store, d)
	if errors.Is(err, fs.ErrExist) {
		if d, err = dataset.Load(ctx, c.store); err == nil {
			err = c.o.same(c.output, &d)
		}
		if err != nil {
			return err
		}
		c.dataset = &d
		// Its runs aren't listed yet.
		return fs.ErrExist
	}
	if err == nil {
		c.dataset, c.made = &d, true
	}
	return err
}

// resume returns the run that the files are of, with the options of its plan.
func (c *converter) resume(ctx context.Context, files dataset.RunFiles) (*run, error) {
	state, err := dataset.LoadRun(ctx, c.store, files.Run)
	if err != nil {
		return nil, err
	}
	p := &plan{partSize: state.Options.PartSize, sources: state.Sources, bytes: state.Bytes}
	if state.Retry {
		p.lines = map[string][]int64{}
	}
	err = dataset.ReadPlan(ctx, c.store, &state, func(s *dataset.PlannedSource) error {
		source, err := input.Restore(c.resumable(), schema.Source{
			URI: s.URI, ETag: s.ETag, AdminAccountID: s.Admin, LastModified: s.LastModified,
		}, s.Region, s.Size)
		if err != nil {
			return err
		}
		if s.Part == len(p.parts) {
			p.parts = append(p.parts, nil)
		}
		p.parts[s.Part] = append(p.parts[s.Part], source)
		if len(s.Lines) > 0 {
			p.lines[s.URI] = s.Lines
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.newRun(files, &state, p)
}

// resumable are the origins from which a planned source can be read again.
func (c *converter) resumable() []input.Origin {
	origins := []input.Origin{goneStdin{}}
	for _, o := range c.o.Origins {
		if _, ok := o.(input.Stdin); !ok {
			origins = append(origins, o)
		}
	}
	return origins
}
