// Package locate finds what is known about an object: what its analyses found in
// it, location by location, in discovery results or in datasets.
//
// Start with [ParseTarget] and [New]; [WriteText] and [JSON] show what was found.
package locate

import (
	"context"
	"errors"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// Target is the object, or the objects, that are asked for.
type Target struct {
	Bucket string
	Key    string // or the beginning of keys
	Prefix bool
}

// ErrTarget says that a text names no object.
var ErrTarget = errors.New("want an object as s3://BUCKET/KEY, or a beginning of keys as s3://BUCKET/FOLDER/ or s3://BUCKET/KEY*")

// ParseTarget returns what s3://BUCKET/KEY names: an object, or where it ends
// in a slash or an asterisk all objects whose keys begin so. Keys are taken as
// they are, with nothing unescaped. With exact it is an object in any case.
func ParseTarget(s string, exact bool) (Target, error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, key, slash := strings.Cut(rest, "/")
	if !ok || bucket == "" || !slash || exact && key == "" {
		return Target{}, ErrTarget
	}
	t := Target{Bucket: bucket, Key: key}
	if !exact {
		star := false
		t.Key, star = strings.CutSuffix(key, "*")
		t.Prefix = star || key == "" || strings.HasSuffix(key, "/")
	}
	return t, nil
}

// String returns the target as people write it.
func (t Target) String() string {
	s := "s3://" + t.Bucket + "/" + t.Key
	if t.Prefix && !strings.HasSuffix(s, "/") {
		s += "*"
	}
	return s
}

// matches reports whether an object is asked for.
func (t *Target) matches(bucket, key []byte) bool {
	if string(bucket) != t.Bucket {
		return false
	}
	if t.Prefix {
		return strings.HasPrefix(string(key), t.Key)
	}
	return string(key) == t.Key
}

// conditions are what a dataset's tables are read by.
func (t *Target) conditions() []lake.Predicate {
	key := lake.OneOf("object_key", t.Key)
	if t.Prefix {
		key = lake.Prefix("object_key", t.Key)
	}
	return []lake.Predicate{lake.OneOf("bucket_name", t.Bucket), key}
}

// Options say what is shown.
type Options struct {
	Target Target
	All    bool // every analysis, not only what is current
	Limit  int  // most objects, the first by their keys; at least 1
	// Workers is how many cores to use.
	Workers int
}

// Finder collects what is asked for, from several inputs one after the other. It
// is not safe for concurrent use.
type Finder struct {
	o       Options
	found   *collection
	tables  []*schema.Table // results, detections, occurrences
	columns [][]schema.Column
}

// New returns a finder that has found nothing yet.
func New(o Options) *Finder {
	f := &Finder{o: o, found: newCollection(o.All, o.Limit), tables: schema.Tables()}
	for _, t := range f.tables {
		f.columns = append(f.columns, columns(t))
	}
	return f
}

// AddResults looks through discovery results. The account has what gave no rows.
func (f *Finder) AddResults(ctx context.Context, o raw.Options) (*raw.Account, error) {
	o.Workers = f.o.Workers
	batches := make([]*rows.Batch, len(f.tables))
	for i, t := range f.tables {
		batches[i] = rows.NewBatch(t.Row, f.columns[i])
	}
	return raw.Scan(ctx, o, func(b *schema.Batch) (*schema.Batch, error) {
		b.Filter(func(r *schema.Result) bool {
			return f.o.Target.matches(b.Text(r.Text[schema.BucketName]), b.Text(r.Text[schema.ObjectKey]))
		})
		return b, nil
	}, func(b *schema.Batch) error {
		if len(b.Results) == 0 {
			return nil
		}
		for i, t := range f.tables {
			batches[i].Reset(b)
			f.add(t.Row, batches[i])
		}
		return nil
	})
}

// AddDataset looks through a dataset: first for its results, then in the files
// that can hold what else is wanted of them. Tables that it doesn't have are left
// out, but results must be there.
func (f *Finder) AddDataset(ctx context.Context, l *lake.Lake) error {
	if !l.Has(f.tables[0].Name) {
		return &lake.NoTableError{Table: f.tables[0].Name, Tables: l.Dataset.Tables}
	}
	where := f.o.Target.conditions()
	for i, t := range f.tables {
		if !l.Has(t.Name) {
			continue
		}
		if i > 0 {
			uris := f.found.sources()
			if len(uris) == 0 {
				return nil
			}
			where = append(f.o.Target.conditions(), lake.OneOf("source_uri", uris...))
		}
		q := lake.Query{Table: t.Name, Where: where, Workers: f.o.Workers}
		for _, c := range f.columns[i] {
			q.Columns = append(q.Columns, c.Name)
		}
		rows := arrowio.NewRows(t.Row, f.columns[i])
		err := lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
			return batch, nil
		}, func(batch arrow.RecordBatch) error {
			if err := rows.Reset(batch); err != nil {
				return err
			}
			f.add(t.Row, rows)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// add takes those rows of a table that are asked for.
func (f *Finder) add(level schema.Level, rows rows.Rows) {
	for rows.Next() {
		// All columns but an occurrence's own are the same in all rows of a run.
		first := cells{rows, 0}
		if !f.o.Target.matches(rows.Value(atBucket, 0).Text, rows.Value(atKey, 0).Text) {
			continue
		}
		switch level {
		case schema.ResultLevel:
			f.found.add(first.result())
		case schema.DetectionLevel:
			if r := f.found.bySource[first.source()]; r != nil {
				r.Detections = append(r.Detections, first.detection())
			}
		case schema.OccurrenceLevel:
			r := f.found.bySource[first.source()]
			if r == nil {
				continue
			}
			if d := r.detection(first.int(atIndex).Value); d != nil {
				for i := range rows.Len() {
					d.Locations = append(d.Locations, cells{rows, i}.location())
				}
			}
		}
	}
}

// Objects returns what was found, by keys, and whether there are more objects
// than the limit.
func (f *Finder) Objects() (objects []*Object, more bool) { return f.found.objects() }

// AllObjects is a limit that nothing reaches.
const AllObjects = math.MaxInt
