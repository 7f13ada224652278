package state

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// Receipt says what became of a part. The first receipt of a part binds: its
// files are the part's rows.
type Receipt struct {
	RunID   string    `json:"run_id"`
	Claim   string    `json:"claim"` // its SHA-256
	Part    int       `json:"part"`
	Attempt string    `json:"attempt"` // nonce of the attempt
	EndedAt time.Time `json:"ended_at"`
	// Files are in the part's staging directory until they are published.
	Files   []File       `json:"files"`
	Rejects *RejectsFile `json:"rejects,omitempty"` // nil where there were none
	// Sources are the part's, in the order of the plan.
	Sources []Outcome `json:"sources"`
	// Checksums has each source's Checksum, eight bytes each, big-endian, in the
	// order of the plan. PutReceipt and LoadReceipt take it from and to Sources.
	Checksums []byte                 `json:"checksums"`
	Classes   map[schema.Class]int64 `json:"classes,omitempty"`        // rejects by class
	Kinds     map[string]int64       `json:"kinds,omitempty"`          // occurrences by kind
	Unknown   map[string]int64       `json:"unknown_fields,omitempty"` // by path
}

// File is a file of a table, as it was staged.
type File struct {
	sink.File
	ETag string `json:"etag,omitempty"`
}

// Content is what the file must hold.
func (f *File) Content() store.Content {
	return store.Content{Size: f.Bytes, SHA256: f.SHA256, ETag: f.ETag}
}

// RejectsFile is a part's file of rejects, as it was staged.
type RejectsFile struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	ETag   string `json:"etag,omitempty"`
}

// Content is what the file must hold.
func (f *RejectsFile) Content() store.Content {
	return store.Content{Size: f.Bytes, SHA256: f.SHA256, ETag: f.ETag}
}

// StagedRejects is the name of the rejects in a part's staging directory.
const StagedRejects = "rejects.jsonl"

// States of a source.
const (
	Converted  = "converted"  // Lines = Records + Rejects + Blank
	Rejected   = "rejected"   // as a whole: there is no row of it
	Unreadable = "unreadable" // there is no row of it, and it is free again
)

// Outcome is what became of one source. In JSON one of which nothing else is to
// be said is an array: lines, records, filtered, rejects, blank, stored,
// inflated.
type Outcome struct {
	State string `json:"state"`
	// Records counts those that a filter left out, too: Filtered.
	Lines    int64 `json:"lines,omitempty"`
	Records  int64 `json:"records,omitempty"`
	Filtered int64 `json:"filtered,omitempty"`
	Rejects  int64 `json:"rejects,omitempty"`
	Blank    int64 `json:"blank,omitempty"`
	Stored   int64 `json:"stored"`
	Inflated int64 `json:"inflated"`
	// RetriedLines is how many lines that were rejected earlier were tried again:
	// they are all of Lines. RetriedSources is 1 where it was rejected as a
	// whole.
	RetriedLines   int64        `json:"retried_lines,omitempty"`
	RetriedSources int64        `json:"retried_sources,omitempty"`
	Class          schema.Class `json:"class,omitempty"` // of one rejected as a whole
	Error          string       `json:"error,omitempty"` // of an unreadable one
	// Checksum is the CRC-64/NVME of the stored bytes; 0 where they weren't
	// read to their end.
	Checksum uint64 `json:"-"`
}

// counts are the numbers of a source that was converted.
type counts [7]int64

func (o *Outcome) counts() counts {
	return counts{o.Lines, o.Records, o.Filtered, o.Rejects, o.Blank, o.Stored, o.Inflated}
}

func (c *counts) outcome() Outcome {
	return Outcome{State: Converted, Lines: c[0], Records: c[1], Filtered: c[2], Rejects: c[3],
		Blank: c[4], Stored: c[5], Inflated: c[6]}
}

// MarshalJSON implements json.Marshaler.
func (o Outcome) MarshalJSON() ([]byte, error) {
	o.Checksum = 0
	if c := o.counts(); o == c.outcome() {
		return json.Marshal(c)
	}
	type plain Outcome
	return json.Marshal(plain(o))
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Outcome) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		var c []int64
		if err := json.Unmarshal(data, &c); err != nil {
			return err
		}
		if len(c) != len(counts{}) {
			return fmt.Errorf("a source has %d numbers", len(c))
		}
		all := counts(c)
		*o = all.outcome()
		return nil
	}
	type plain Outcome
	return json.Unmarshal(data, (*plain)(o))
}

// check looks whether a source's counts can be so.
func (o *Outcome) check() error {
	c := o.counts()
	if slices.Min(c[:]) < 0 || o.RetriedLines < 0 || o.RetriedSources < 0 || o.RetriedSources > 1 {
		return errors.New("a count is negative")
	}
	switch o.State {
	case Converted:
		if o.Lines != o.Records+o.Rejects+o.Blank || o.Filtered > o.Records {
			return fmt.Errorf("%d lines aren't %d records, %d rejects and %d blank", o.Lines, o.Records, o.Rejects, o.Blank)
		}
		if o.RetriedLines > 0 && o.RetriedLines != o.Lines {
			return fmt.Errorf("%d lines of %d are tried again", o.Lines, o.RetriedLines)
		}
	case Rejected, Unreadable:
		if o.Lines+o.Records+o.Filtered+o.Rejects+o.Blank+o.RetriedLines != 0 {
			return errors.New("a source that isn't converted has lines")
		}
		if o.State == Unreadable && o.RetriedSources != 0 {
			return errors.New("an unreadable source is tried again")
		}
	default:
		return fmt.Errorf("its state is %q", o.State)
	}
	return nil
}

// Totals add up receipts.
type Totals struct {
	Sources    int64 `json:"sources"`
	Converted  int64 `json:"converted"`
	Rejected   int64 `json:"rejected"` // as a whole
	Unreadable int64 `json:"unreadable"`

	// Lines = Records + RejectedLines + Blank. Of lines that were rejected
	// earlier and tried again, RetriedLines, it counts both times.
	Lines         int64 `json:"lines"`
	Records       int64 `json:"records"`
	Filtered      int64 `json:"filtered"`
	RejectedLines int64 `json:"rejected_lines"`
	Blank         int64 `json:"blank"`

	RetriedLines   int64 `json:"retried_lines"`
	RetriedSources int64 `json:"retried_sources"`

	Rows    map[string]int64       `json:"rows"`    // by table
	Classes map[schema.Class]int64 `json:"classes"` // rejects by class

	Files         int64 `json:"files"`
	StoredBytes   int64 `json:"stored_bytes"`
	InflatedBytes int64 `json:"inflated_bytes"`
	WrittenBytes  int64 `json:"written_bytes"`
}

// Add adds a receipt.
func (t *Totals) Add(r *Receipt) {
	t.init()
	for i := range r.Sources {
		o := &r.Sources[i]
		t.Sources++
		switch o.State {
		case Converted:
			t.Converted++
		case Rejected:
			t.Rejected++
		default:
			t.Unreadable++
		}
		t.Lines += o.Lines
		t.Records += o.Records
		t.Filtered += o.Filtered
		t.RejectedLines += o.Rejects
		t.Blank += o.Blank
		t.RetriedLines += o.RetriedLines
		t.RetriedSources += o.RetriedSources
		t.StoredBytes += o.Stored
		t.InflatedBytes += o.Inflated
	}
	t.Files += int64(len(r.Files))
	for _, f := range r.Files {
		t.Rows[f.Table] += f.Rows
		t.WrittenBytes += f.Bytes
	}
	for class, n := range r.Classes {
		t.Classes[class] += n
	}
}

func (t *Totals) init() {
	if t.Rows == nil {
		t.Rows = make(map[string]int64)
	}
	if t.Classes == nil {
		t.Classes = make(map[schema.Class]int64)
	}
}

// AddTotals adds those of another run.
func (t *Totals) AddTotals(o *Totals) {
	t.init()
	to, from := reflect.ValueOf(t).Elem(), reflect.ValueOf(o).Elem()
	for i := range to.NumField() { // none can be forgotten
		if n := to.Field(i); n.CanInt() {
			n.SetInt(n.Int() + from.Field(i).Int())
		}
	}
	for table, n := range o.Rows {
		t.Rows[table] += n
	}
	for class, n := range o.Classes {
		t.Classes[class] += n
	}
}

// PutReceipt writes a part's receipt and returns its SHA-256. It gives
// fs.ErrExist where the part has another one, which binds. After any other error
// the receipt may be there: the files that it names must stay.
func PutReceipt(ctx context.Context, s store.Store, a Address, r *Receipt) (sum string, err error) {
	r.Checksums = make([]byte, 0, 8*len(r.Sources))
	for i := range r.Sources {
		r.Checksums = binary.BigEndian.AppendUint64(r.Checksums, r.Sources[i].Checksum)
	}
	return create(ctx, s, ReceiptName(a, r.Part), r)
}

// LoadReceipt reads the receipt of a run's part, checks that what it says can be
// so, and returns its SHA-256.
func LoadReceipt(ctx context.Context, s store.Store, run *Run, part int) (r *Receipt, sum string, err error) {
	r = &Receipt{}
	name := ReceiptName(run.Address(), part)
	if sum, err = get(ctx, s, name, r); err != nil {
		return nil, "", err
	}
	if err := r.check(run, part); err != nil {
		return nil, "", &DamagedError{Name: s.URI(name), Err: err}
	}
	return r, sum, nil
}

func (r *Receipt) check(run *Run, part int) error {
	if r.RunID != run.RunID || r.Claim != run.Sum || r.Part != part {
		return fmt.Errorf("it is of part %d of run %q", r.Part, r.RunID)
	}
	if !isHex(r.Attempt, nonceDigits) {
		return fmt.Errorf("its attempt is %q", r.Attempt)
	}
	if f := r.Rejects; f != nil && (f.Bytes <= 0 || !isHex(f.SHA256, 64)) {
		return fmt.Errorf("its rejects have %d bytes", f.Bytes)
	}
	if err := checkFiles(run, part, r.Files, map[string]bool{}); err != nil {
		return err
	}
	if len(r.Checksums) != 8*len(r.Sources) {
		return fmt.Errorf("it has %d sources and %d bytes of checksums", len(r.Sources), len(r.Checksums))
	}
	for i := range r.Sources {
		if err := r.Sources[i].check(); err != nil {
			return fmt.Errorf("source %d: %w", i, err)
		}
		r.Sources[i].Checksum = binary.BigEndian.Uint64(r.Checksums[8*i:])
	}
	return nil
}

// checkFiles looks whether the files of a part are where its files may be, each
// once.
func checkFiles(run *Run, part int, files []File, seen map[string]bool) error {
	d := &run.Dataset
	for _, f := range files {
		switch {
		case !slices.Contains(d.Tables, f.Table):
			return fmt.Errorf("it has a file of a table %q", f.Table)
		case !fs.ValidPath(f.Path) || !strings.HasPrefix(f.Path, f.Table+"/") ||
			!strings.HasPrefix(path.Base(f.Path), run.Address().Part(part)+"-") || path.Ext(f.Path) != "."+d.TableFormat:
			return fmt.Errorf("it has a file %q", f.Path)
		case seen[f.Path]:
			return fmt.Errorf("it has a file %q twice", f.Path)
		case f.Rows <= 0 || f.Bytes <= 0 || !isHex(f.SHA256, 64):
			return fmt.Errorf("its file %q has %d rows, %d bytes", f.Path, f.Rows, f.Bytes)
		}
		seen[f.Path] = true
	}
	return nil
}

// Staged is a file of a receipt: where it was staged, and where readers see it.
type Staged struct {
	From, To string
	store.Content
}

// Staged lists a receipt's files.
func (r *Receipt) Staged(a Address) []Staged {
	staging := Staging(a, r.Part, r.Attempt)
	var files []Staged
	for i := range r.Files {
		f := &r.Files[i]
		files = append(files, Staged{path.Join(staging, StagedName(f.Path)), f.Path, f.Content()})
	}
	if r.Rejects != nil {
		files = append(files, Staged{path.Join(staging, StagedName(StagedRejects)), RejectsName(a, r.Part), r.Rejects.Content()})
	}
	return files
}

// Settle counts lines and sources that were tried again once, by the last
// attempt.
func (t *Totals) Settle() {
	t.Lines -= t.RetriedLines
	t.RejectedLines -= t.RetriedLines
	t.Rejected -= t.RetriedSources
	t.Sources -= t.RetriedSources
	t.RetriedLines, t.RetriedSources = 0, 0
}
