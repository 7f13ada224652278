package dataset

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"
	"github.com/klauspost/compress/gzip"

	"github.com/macielake/macielake/internal/store"
)

// PlannedSource is a line of a plan: a source and the part it belongs to.
type PlannedSource struct {
	Part         int    `json:"part"`
	URI          string `json:"uri"`
	Size         int64  `json:"size"` // stored bytes, -1 where it isn't known
	ETag         string `json:"etag,omitempty"`
	LastModified int64  `json:"last_modified"` // microseconds since 1970
	Region       string `json:"region,omitempty"`
	Admin        string `json:"admin,omitempty"` // admin_account_id
	// Lines are those to convert, ascending, where they aren't all: what
	// earlier runs rejected.
	Lines []int64 `json:"lines,omitempty"`
}

// segmentSources is how many sources a plan's segment lists.
const segmentSources = 100_000

// PutPlan writes a run's plan in segments, which are gzip'd JSON Lines named by
// their hash, and returns those names. It is done before run.json, which names
// them. The run's nonce is in them, so that no two runs share a segment: one that
// nobody names can go.
func PutPlan(ctx context.Context, s store.Store, nonce string, sources iter.Seq[PlannedSource]) ([]string, error) {
	var names []string
	var buf bytes.Buffer
	// Nothing else of a run goes on meanwhile: speed counts more than size.
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	zw.Comment = nonce
	var line []byte
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := zw.Close(); err != nil {
			return fmt.Errorf("encoding the plan: %w", err)
		}
		sum := sha256.Sum256(buf.Bytes())
		name := hex.EncodeToString(sum[:])
		// It may be there from an earlier call: then it is equal.
		err := s.PutNew(ctx, planName(name), buf.Bytes())
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		names = append(names, name)
		buf.Reset()
		zw.Reset(&buf)
		zw.Comment = nonce
		n = 0
		return nil
	}
	for src := range sources {
		line = line[:0]
		err := encoder.EncodeInto(&line, src, 0)
		if err == nil {
			_, err = zw.Write(append(line, '\n'))
		}
		if err != nil {
			return nil, fmt.Errorf("encoding the plan: %w", err)
		}
		if n++; n == segmentSources {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	if err := flush(); err != nil {
		return nil, err
	}
	return names, nil
}

// ReadPlan calls each for all sources of a run's plan, in its order: part by
// part. The bytes of a segment are those that the run names, or it is damaged.
func ReadPlan(ctx context.Context, s store.Store, run *Run, each func(*PlannedSource) error) error {
	r := planReader{run: run, each: each}
	for _, segment := range run.Plan {
		name := planName(segment)
		data, err := read(ctx, s, name)
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != segment {
			return damaged(s, name, "its bytes aren't those of the plan")
		}
		if err := r.segment(data); err != nil {
			return &DamagedError{Name: s.URI(name), Err: err}
		}
		if r.err != nil {
			return r.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := r.end(); err != nil {
		return &DamagedError{Name: s.URI(runName(run.Run)), Err: err}
	}
	return nil
}

// planReader reads a plan's segments, one after the other.
type planReader struct {
	run     *Run
	each    func(*PlannedSource) error
	err     error // of each
	sources int64
	part    int
}

// segment reads a segment; its error says what is wrong with it.
func (r *planReader) segment(data []byte) error {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(zr)
	lines.Buffer(make([]byte, 0, 64<<10), maxPlanLine)
	for lines.Scan() {
		var p PlannedSource
		if err := sonic.ConfigStd.Unmarshal(lines.Bytes(), &p); err != nil {
			return err
		}
		r.sources++
		if r.sources > 1 && p.Part == r.part+1 {
			r.part++
		}
		if p.Part != r.part || r.part >= r.run.Parts || r.sources > r.run.Sources || p.URI == "" || !ascending(p.Lines) {
			return fmt.Errorf("source %d of part %d doesn't follow", r.sources, p.Part)
		}
		if r.err = r.each(&p); r.err != nil {
			return nil
		}
	}
	return lines.Err()
}

// end says whether all that the run has was read.
func (r *planReader) end() error {
	if r.sources != r.run.Sources || r.part+1 != r.run.Parts {
		return fmt.Errorf("its plan has %d sources in %d parts", r.sources, r.part+1)
	}
	return nil
}

func planName(segment string) string { return path.Join(plansDir, segment+".jsonl.gz") }

// maxPlanLine bounds a line of a plan, in bytes.
const maxPlanLine = 256 << 20

// ascending reports whether lines are numbers of lines, each after the one
// before.
func ascending(lines []int64) bool {
	last := int64(0)
	for _, n := range lines {
		if n <= last {
			return false
		}
		last = n
	}
	return true
}
