package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

// Receipt says what became of a part. The first receipt of a part binds: its
// files are the part's rows.
type Receipt struct {
	Run      string    `json:"run"`
	RunNonce string    `json:"run_nonce"`
	Part     int       `json:"part"`
	Nonce    string    `json:"nonce"` // of the attempt
	EndedAt  time.Time `json:"ended_at"`
	// Files are in the part's staging directory until they are published.
	Files []sink.File `json:"files"`
	// Rejects is the name of the file of rejects, empty where there were none.
	Rejects string `json:"rejects,omitempty"`
	// Objects are the part's sources, in the order of the plan.
	Objects []Object               `json:"objects"`
	Classes map[schema.Class]int64 `json:"classes,omitempty"`        // rejects by class
	Kinds   map[string]int64       `json:"kinds,omitempty"`          // occurrences by kind
	Unknown map[string]int64       `json:"unknown_fields,omitempty"` // by path
}

// RejectsFile is the name of the rejects in a part's staging directory.
const RejectsFile = "rejects.jsonl"

// States of an object.
const (
	ObjectConverted  = "converted"  // Lines = Records + Rejects + Blank
	ObjectRejected   = "rejected"   // as a whole: there is no row of it
	ObjectUnreadable = "unreadable" // there is no row of it, and it is free again
)

// Object is what became of one source. In JSON one of which nothing else is to
// be said is an array: lines, records, filtered, rejects, blank, stored,
// inflated.
type Object struct {
	State string `json:"state"`
	// Records counts those that a filter left out, too: Filtered.
	Lines    int64 `json:"lines,omitempty"`
	Records  int64 `json:"records,omitempty"`
	Filtered int64 `json:"filtered,omitempty"`
	Rejects  int64 `json:"rejects,omitempty"`
	Blank    int64 `json:"blank,omitempty"`
	Stored   int64 `json:"stored"`
	Inflated int64 `json:"inflated"`
	// RetriedLines is how many lines that were rejected earlier were taken up:
	// they are all of Lines. RetriedObjects is 1 where it was rejected as a
	// whole.
	RetriedLines   int64        `json:"retried_lines,omitempty"`
	RetriedObjects int64        `json:"retried_objects,omitempty"`
	Class          schema.Class `json:"class,omitempty"` // of a rejected object
	Error          string       `json:"error,omitempty"` // of an unreadable one
}

// counts are the numbers of an object that was converted.
type counts [7]int64

func (o *Object) counts() counts {
	return counts{o.Lines, o.Records, o.Filtered, o.Rejects, o.Blank, o.Stored, o.Inflated}
}

func (c *counts) object() Object {
	return Object{State: ObjectConverted, Lines: c[0], Records: c[1], Filtered: c[2], Rejects: c[3],
		Blank: c[4], Stored: c[5], Inflated: c[6]}
}

// MarshalJSON implements json.Marshaler.
func (o Object) MarshalJSON() ([]byte, error) {
	if c := o.counts(); o == c.object() {
		return json.Marshal(c)
	}
	type plain Object
	return json.Marshal(plain(o))
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Object) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		var c []int64
		if err := json.Unmarshal(data, &c); err != nil {
			return err
		}
		if len(c) != len(counts{}) {
			return fmt.Errorf("an object has %d numbers", len(c))
		}
		all := counts(c)
		*o = all.object()
		return nil
	}
	type plain Object
	return json.Unmarshal(data, (*plain)(o))
}

// check says what is wrong with an object's account.
func (o *Object) check() error {
	c := o.counts()
	if slices.Min(c[:]) < 0 || o.RetriedLines < 0 || o.RetriedObjects < 0 || o.RetriedObjects > 1 {
		return errors.New("a count is negative")
	}
	switch o.State {
	case ObjectConverted:
		if o.Lines != o.Records+o.Rejects+o.Blank || o.Filtered > o.Records {
			return fmt.Errorf("%d lines aren't %d records, %d rejects and %d blank", o.Lines, o.Records, o.Rejects, o.Blank)
		}
		if o.RetriedLines > 0 && o.RetriedLines != o.Lines {
			return fmt.Errorf("%d lines of %d are taken up", o.Lines, o.RetriedLines)
		}
	case ObjectRejected, ObjectUnreadable:
		if o.Lines+o.Records+o.Filtered+o.Rejects+o.Blank+o.RetriedLines != 0 {
			return errors.New("an object that isn't converted has lines")
		}
		if o.State == ObjectUnreadable && o.RetriedObjects != 0 {
			return errors.New("an unreadable object is taken up")
		}
	default:
		return fmt.Errorf("an object's state is %q", o.State)
	}
	return nil
}

// Totals add up receipts.
type Totals struct {
	Sources    int64 `json:"sources"`
	Converted  int64 `json:"converted"`
	Rejected   int64 `json:"rejected"` // objects
	Unreadable int64 `json:"unreadable"`

	// Lines = Records + RejectedLines + Blank. Of lines that were rejected
	// earlier and taken up again, RetriedLines, it counts both times.
	Lines         int64 `json:"lines"`
	Records       int64 `json:"records"`
	Filtered      int64 `json:"filtered"`
	RejectedLines int64 `json:"rejected_lines"`
	Blank         int64 `json:"blank"`

	RetriedLines   int64 `json:"retried_lines"`
	RetriedObjects int64 `json:"retried_objects"`

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
	for i := range r.Objects {
		o := &r.Objects[i]
		t.Sources++
		switch o.State {
		case ObjectConverted:
			t.Converted++
		case ObjectRejected:
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
		t.RetriedObjects += o.RetriedObjects
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
	for _, x := range []struct {
		to   *int64
		from int64
	}{
		{&t.Sources, o.Sources}, {&t.Converted, o.Converted}, {&t.Rejected, o.Rejected}, {&t.Unreadable, o.Unreadable},
		{&t.Lines, o.Lines}, {&t.Records, o.Records}, {&t.Filtered, o.Filtered},
		{&t.RejectedLines, o.RejectedLines}, {&t.Blank, o.Blank},
		{&t.RetriedLines, o.RetriedLines}, {&t.RetriedObjects, o.RetriedObjects},
		{&t.Files, o.Files}, {&t.StoredBytes, o.StoredBytes}, {&t.InflatedBytes, o.InflatedBytes}, {&t.WrittenBytes, o.WrittenBytes},
	} {
		*x.to += x.from
	}
	for table, n := range o.Rows {
		t.Rows[table] += n
	}
	for class, n := range o.Classes {
		t.Classes[class] += n
	}
}

// Equal reports whether both are the same. A table without rows may be left out.
func (t *Totals) Equal(o *Totals) bool {
	a, b := *t, *o
	a.Rows, b.Rows = some(a.Rows), some(b.Rows)
	a.Classes, b.Classes = some(a.Classes), some(b.Classes)
	return reflect.DeepEqual(a, b)
}

// some are the counts that aren't 0.
func some[K comparable](counts map[K]int64) map[K]int64 {
	left := maps.Clone(counts)
	maps.DeleteFunc(left, func(_ K, n int64) bool { return n == 0 })
	if left == nil {
		left = map[K]int64{}
	}
	return left
}

// PutReceipt writes a part's receipt. It gives fs.ErrExist where the part has
// another one, which binds. After any other error the receipt may be there: what
// it names must stay.
func PutReceipt(ctx context.Context, s store.Store, r Receipt) error {
	return create(ctx, s, receiptName(r.Run, r.Part), r)
}

// LoadReceipt reads the receipt of a run's part, and checks that what it says
// can be so.
func LoadReceipt(ctx context.Context, s store.Store, d *Dataset, run *Run, part int) (Receipt, error) {
	var r Receipt
	name := receiptName(run.Run, part)
	if err := get(ctx, s, name, &r); err != nil {
		return r, err
	}
	if err := r.check(d, run, part); err != nil {
		return r, &DamagedError{Name: s.URI(name), Err: err}
	}
	return r, nil
}

func (r *Receipt) check(d *Dataset, run *Run, part int) error {
	if r.Run != run.Run || r.RunNonce != run.Nonce || r.Part != part {
		return fmt.Errorf("it is of part %d of run %q", r.Part, r.Run)
	}
	if !isHex(r.Nonce, nonceDigits) {
		return fmt.Errorf("its nonce is %q", r.Nonce)
	}
	if r.Rejects != "" && r.Rejects != RejectsFile {
		return fmt.Errorf("its rejects are in %q", r.Rejects)
	}
	seen := map[string]bool{}
	for _, f := range r.Files {
		switch {
		case !slices.Contains(d.Tables, f.Table):
			return fmt.Errorf("it has a file of a table %q", f.Table)
		case !fs.ValidPath(f.Path) || !strings.HasPrefix(f.Path, f.Table+"/") ||
			!strings.HasPrefix(path.Base(f.Path), PartName(r.Run, part)+"-") || path.Ext(f.Path) != "."+d.TableFormat:
			return fmt.Errorf("it has a file %q", f.Path)
		case seen[f.Path]:
			return fmt.Errorf("it has a file %q twice", f.Path)
		case f.Rows <= 0 || f.Bytes <= 0 || !isHex(f.SHA256, 64):
			return fmt.Errorf("its file %q has %d rows, %d bytes", f.Path, f.Rows, f.Bytes)
		}
		seen[f.Path] = true
	}
	for i := range r.Objects {
		if err := r.Objects[i].check(); err != nil {
			return fmt.Errorf("object %d: %w", i, err)
		}
	}
	return nil
}

// staged are the names of a receipt's files: in staging, and once published.
func (r *Receipt) staged(each func(from, to string, bytes int64)) {
	staging := StagingDir(r.Run, r.Part, r.Nonce)
	for _, f := range r.Files {
		each(path.Join(staging, StagedName(f.Path)), f.Path, f.Bytes)
	}
	if r.Rejects != "" {
		each(path.Join(staging, StagedName(r.Rejects)), RejectsName(r.Run, r.Part), -1)
	}
}

// moves is how many files are published at a time.
const moves = 16

// Publish moves a receipt's files to where readers see them, but for those that
// are there. Any number may do it at a time, and again. The store's next Sync
// makes it durable.
func Publish(ctx context.Context, s store.Store, r *Receipt) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(moves)
	r.staged(func(from, to string, bytes int64) {
		group.Go(func() error {
			if published(groupCtx, s, to, bytes) {
				return nil
			}
			err := s.Move(groupCtx, from, to)
			if err != nil && published(groupCtx, s, to, bytes) { // another was faster
				return nil
			}
			if err != nil {
				return fmt.Errorf("publishing %s: %w", to, err)
			}
			return nil
		})
	})
	return group.Wait()
}

// published reports whether a file is there with that many bytes, -1 for any.
// A name is of one attempt alone, the one that has the receipt: where its bytes
// are as many, they are the same.
func published(ctx context.Context, s store.Store, name string, bytes int64) bool {
	info, err := s.Stat(ctx, name)
	return err == nil && (bytes < 0 || info.Size == bytes)
}

// Unpublish removes what was published of a run that is abandoned.
func Unpublish(ctx context.Context, s store.Store, r *Receipt) error {
	var errs []error
	r.staged(func(from, to string, _ int64) {
		errs = append(errs, s.RemoveAll(ctx, to))
	})
	errs = append(errs, s.RemoveAll(ctx, StagingDir(r.Run, r.Part, r.Nonce)))
	return errors.Join(errs...)
}
