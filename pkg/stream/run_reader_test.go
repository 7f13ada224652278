package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// partJob reads a part with a Reader and keeps its lines in each lane.
type partJob struct {
	sources []Source
	options ReaderOptions
	reader  *Reader
	lanes   [2][]line
	result  **partJob // set when the part is done
}

func newPartJob(sources []Source, o ReaderOptions, result **partJob) *partJob {
	return &partJob{sources: sources, options: o, reader: NewReader(sources, o), result: result}
}

func (j *partJob) Read(ctx context.Context, b *schema.Batch) error { return j.reader.Next(ctx, b) }

func (j *partJob) Decode(_ context.Context, _ schema.Decoder, b *schema.Batch) error {
	for _, s := range b.Segments {
		b.LineCount += int64(max(1, bytes.Count(b.Buf[s.Start:s.End], []byte{'\n'})))
	}
	return nil
}

func (j *partJob) Lanes() int { return len(j.lanes) }

func (j *partJob) Write(_ context.Context, lane int, b *schema.Batch) error {
	if b.LineCount == 0 {
		return errors.New("not decoded")
	}
	var segs []segment
	for _, s := range b.Segments {
		segs = append(segs, segment{0, b.Sources[s.Source], s.Line, s.Offset, s.TooLong, string(b.Buf[s.Start:s.End])})
	}
	j.lanes[lane] = append(j.lanes[lane], lines(segs)...)
	return nil
}

func (j *partJob) Finish(_ context.Context, err error) (Job, error) {
	defer j.reader.Close()
	var spoiled *SpoiledError
	if errors.As(err, &spoiled) {
		o := j.options
		o.Known, o.VerifyFirst = j.reader.Outcomes(), true
		return newPartJob(j.sources, o, j.result), nil
	}
	*j.result = j
	return nil, err
}

// Any number of workers reads the same lines from parts, some of which have broken
// sources.
func TestRunReader(t *testing.T) {
	checkLeaks(t)
	uris, datas := part(t)
	var want []line
	var sources []Source
	for i := range uris {
		ls, _ := model(uris[i], datas[i], 300_000)
		want = append(want, ls...)
		sources = append(sources, newSource(uris[i], datas[i], nil))
	}
	for _, workers := range []int{1, 2, 4} {
		for _, ahead := range []int{0, 4} {
			for _, parts := range []int{1, 3} {
				t.Run(fmt.Sprint(workers, ahead, parts), func(t *testing.T) {
					results := make([]*partJob, parts)
					next := 0
					o := poolOptions(workers)
					o.Stats = new(Stats)
					err := Run(context.Background(), o, func() (Job, bool) {
						if next == parts {
							return nil, false
						}
						next++
						return newPartJob(sources, ReaderOptions{
							BlockBytes: 20_000, FetchAhead: ahead, Limits: Limits{MaxLineBytes: 300_000},
						}, &results[next-1]), true
					})
					if err != nil {
						t.Fatal(err)
					}
					for _, j := range results {
						for lane, got := range j.lanes {
							if !slices.Equal(got, want) {
								t.Errorf("lane %d: %s", lane, firstDifference(got, want))
							}
						}
						if len(j.reader.Outcomes()) != len(sources) {
							t.Errorf("%d outcomes", len(j.reader.Outcomes()))
						}
					}
					if o.Stats.Restarts != int64(parts) {
						t.Errorf("%d restarts of %d parts, each with one spoiled source", o.Stats.Restarts, parts)
					}
				})
			}
		}
	}
}
