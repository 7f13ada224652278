package state

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/encoder"
	"github.com/klauspost/compress/gzip"

	"github.com/macielake/macielake/internal/store"
)

// Plan is what a claim says of the run's sources. The sources themselves are in
// segments, files of their own.
type Plan struct {
	Parts   int   `json:"parts"`
	Sources int64 `json:"sources"`
	Bytes   int64 `json:"bytes"` // stored bytes of the sources, as listed
	// Digest is the SHA-256 of each source's URI, size and lines to try again.
	Digest   string    `json:"digest"`
	Segments []Segment `json:"segments"` // by their parts
}

// Segment is a file of a plan: whole parts, one after the other.
type Segment struct {
	SHA256    string `json:"sha256"` // of the file, which it names
	FirstPart int    `json:"first_part"`
}

func (p *Plan) check() error {
	if p.Parts <= 0 || int64(p.Parts) > p.Sources || !isHex(p.Digest, 64) {
		return fmt.Errorf("it has %d parts of %d sources", p.Parts, p.Sources)
	}
	for i, s := range p.Segments {
		if !isHex(s.SHA256, 64) || (i == 0) != (s.FirstPart == 0) || i > 0 && s.FirstPart <= p.Segments[i-1].FirstPart || s.FirstPart >= p.Parts {
			return fmt.Errorf("segment %d of its plan is %q from part %d", i, s.SHA256, s.FirstPart)
		}
	}
	return nil
}

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
	// InsteadOf is the URI of the source with the rejects that are tried again,
	// where this one is a copy of it.
	InsteadOf string `json:"instead_of,omitempty"`
}

// Original is the URI under which the source's rejects are recorded.
func (p *PlannedSource) Original() string {
	if p.InsteadOf != "" {
		return p.InsteadOf
	}
	return p.URI
}

// segmentSources is how many sources a plan's segment lists at least, unless it
// is the last.
const segmentSources = 100_000

// PutPlan writes a run's plan in segments, which are gzip'd JSON Lines named by
// their hash. It is done before the claim, which names them. The run's nonce is
// in them, so that no two runs share a segment: one that nobody names can go.
func PutPlan(ctx context.Context, s store.Store, nonce string, sources iter.Seq[PlannedSource]) (*Plan, error) {
	p := &Plan{Segments: []Segment{}}
	var buf bytes.Buffer
	// Nothing else happens meanwhile: speed counts more than size.
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	zw.Comment = nonce
	var line, digested []byte
	digest := sha256.New()
	first, n, part := 0, 0, 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		if err := zw.Close(); err != nil {
			return fmt.Errorf("encoding the plan: %w", err)
		}
		name := hexSum(buf.Bytes())
		// It may be there from an earlier call: then it is equal.
		err := s.PutNew(ctx, planName(name), buf.Bytes())
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		p.Segments = append(p.Segments, Segment{name, first})
		buf.Reset()
		zw.Reset(&buf)
		zw.Comment = nonce
		n = 0
		return nil
	}
	for src := range sources {
		if n >= segmentSources && src.Part != part {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		if n == 0 {
			first = src.Part
		}
		part = src.Part
		p.Sources++
		p.Bytes += max(0, src.Size)
		digested = src.appendDigested(digested[:0])
		digest.Write(digested)
		line = line[:0]
		err := encoder.EncodeInto(&line, src, 0)
		if err == nil {
			_, err = zw.Write(append(line, '\n'))
		}
		if err != nil {
			return nil, fmt.Errorf("encoding the plan: %w", err)
		}
		n++
	}
	if err := flush(); err != nil {
		return nil, err
	}
	p.Parts, p.Digest = part+1, hex.EncodeToString(digest.Sum(nil))
	return p, nil
}

// appendDigested appends what a run's identifier depends on.
func (p *PlannedSource) appendDigested(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(p.URI)))
	b = append(b, p.URI...)
	b = binary.AppendVarint(b, p.Size)
	b = binary.AppendUvarint(b, uint64(len(p.Lines)))
	for _, n := range p.Lines {
		b = binary.AppendVarint(b, n)
	}
	return b
}

// HasPlan reports whether all segments of a plan exist: before a claim named
// them, gc may have taken them for those of a dead run.
func HasPlan(ctx context.Context, s store.Store, p *Plan) (bool, error) {
	for _, segment := range p.Segments {
		if there, err := store.Exists(ctx, s, SegmentName(segment)); !there {
			return false, err
		}
	}
	return true, nil
}

// ReadPlan calls each for the sources of a run's plan, in its order, from a part
// on. It ends early, without an error, where each returns fs.SkipAll. A segment
// must have the bytes that the claim names, or it is damaged; one that is gone is
// a NotWholeError.
func ReadPlan(ctx context.Context, s store.Store, run *Run, from int, each func(*PlannedSource) error) error {
	sources := int64(0)
	for i, segment := range run.Segments {
		last := run.Parts - 1
		if i+1 < len(run.Segments) {
			last = run.Segments[i+1].FirstPart - 1
		}
		if last < from {
			continue
		}
		name := planName(segment.SHA256)
		data, err := ReadFile(ctx, s, name)
		if errors.Is(err, fs.ErrNotExist) {
			return &NotWholeError{Name: s.URI(name), What: fmt.Sprintf("it has the plan of run %s", run.RunID)}
		}
		if err != nil {
			return err
		}
		if hexSum(data) != segment.SHA256 {
			return damaged(s, name, "its bytes aren't those of the plan")
		}
		zr, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return &DamagedError{Name: s.URI(name), Err: err}
		}
		lines := bufio.NewScanner(zr)
		lines.Buffer(make([]byte, 0, 64<<10), maxPlanLine)
		part := segment.FirstPart
		for first := true; lines.Scan(); first = false {
			var p PlannedSource
			if err := sonic.ConfigStd.Unmarshal(lines.Bytes(), &p); err != nil {
				return &DamagedError{Name: s.URI(name), Err: err}
			}
			sources++
			if !first && p.Part == part+1 {
				part++
			}
			if p.Part != part || part >= run.Parts || sources > run.Sources || p.URI == "" || !ascending(p.Lines) {
				return damaged(s, name, "source %d of part %d doesn't follow", sources, p.Part)
			}
			if p.Part < from {
				continue
			}
			if err := each(&p); err == fs.SkipAll {
				return nil
			} else if err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			return &DamagedError{Name: s.URI(name), Err: err}
		}
		if part != last {
			return damaged(s, name, "its last part is %d, not %d", part, last)
		}
	}
	if from <= run.Segments[0].FirstPart && sources != run.Sources {
		return damaged(s, ClaimName(&run.Dataset, run.Number), "its plan has %d sources", sources)
	}
	return nil
}

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
