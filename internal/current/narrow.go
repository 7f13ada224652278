package current

import (
	"context"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// AddBucket adds from a dataset what the state of the kept objects of one bucket
// needs, reading little else: the results of the bucket, and the detections that
// meet conditions, which all those of kept objects must meet. [State.AddReports]
// adds what else may be needed.
func (s *State) AddBucket(ctx context.Context, l *lake.Lake, bucket string, conditions []lake.Predicate) error {
	if !l.Has("results") {
		return &lake.NoTableError{Table: "results", Tables: l.Dataset.Tables}
	}
	found, err := s.readDetections(ctx, l, conditions)
	if err != nil {
		return err
	}
	t := s.newTaker()
	q := lake.Query{
		Table: "results", Columns: s.columns(), Files: s.wants, Workers: s.o.Workers,
		Where: []lake.Predicate{lake.OneOf("bucket_name", bucket)},
	}
	spare := newSpare()
	return lake.Scan(ctx, l, q, spare.fill, func(b *rowBatch) error {
		defer spare.put(b)
		b.Filter(func(r *schema.Result) bool {
			return string(b.Text(r.Text[schema.BucketName])) == bucket
		})
		for i := range b.Results {
			found.join(b.Batch, &b.Results[i])
		}
		return t.take(b.Batch, s.kept)
	})
}

// line names a line of a source.
type line struct {
	uri string
	no  int64
}

// detections are those of some lines.
type detections struct {
	batch *schema.Batch // has their texts
	of    map[line][]schema.Detection
}

// readDetections reads the detections of kept objects.
func (s *State) readDetections(ctx context.Context, l *lake.Lake, conditions []lake.Predicate) (*detections, error) {
	found := &detections{schema.NewBatch(), make(map[line][]schema.Detection)}
	if !l.Has("detections") {
		return found, nil
	}
	names := []string{
		"bucket_name", "object_key", "source_uri", "source_line",
		"identifier_kind", "category", "detection_type", "custom_identifier_arn", "occurrence_count", "location_count",
	}
	texts := [...]int{4: schema.IdentifierKind, 5: schema.Category, 6: schema.DetectionType, 7: schema.CustomIdentifierARN}
	err := s.scan(ctx, l, names, conditions, func(r rows.Rows, row int) {
		if !s.o.Keep(r.Value(0, row).Text, r.Value(1, row).Text) {
			return
		}
		var d schema.Detection
		for i := 4; i < len(texts); i++ {
			if v := r.Value(i, row); v.Set {
				d.Text[texts[i]] = appendSpan(found.batch, v.Text)
			}
		}
		if v := r.Value(8, row); v.Set {
			d.Int[schema.DetectionOccurrenceCount] = v.Int
			d.IntSet |= 1 << schema.DetectionOccurrenceCount
		}
		d.Int[schema.DetectionLocationCount] = r.Value(9, row).Int
		at := line{string(r.Value(2, row).Text), r.Value(3, row).Int}
		found.of[at] = append(found.of[at], d)
	})
	return found, err
}

// scan calls do for the rows of the table detections.
func (s *State) scan(ctx context.Context, l *lake.Lake, names []string, conditions []lake.Predicate, do func(r rows.Rows, row int)) error {
	table := schema.Detections()
	columns := make([]schema.Column, len(names))
	for i, name := range names {
		columns[i], _ = table.Column(name)
	}
	q := lake.Query{Table: table.Name, Columns: names, Where: conditions, Files: s.wants, Workers: s.o.Workers}
	r := arrowio.NewRows(table.Row, columns)
	return lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
		return batch, nil
	}, func(batch arrow.RecordBatch) error {
		if err := r.Reset(batch); err != nil {
			return err
		}
		for r.Next() {
			for row := range r.Len() {
				do(r, row)
			}
		}
		return nil
	})
}

// join gives a result its detections.
func (d *detections) join(b *schema.Batch, r *schema.Result) {
	r.Detections = schema.Range{}
	if r.Text[schema.SourceURI].Null() {
		return
	}
	list := d.of[line{string(b.Text(r.Text[schema.SourceURI])), r.Int[schema.SourceLine]}]
	first := uint32(len(b.Detections))
	for _, found := range list {
		for slot, span := range found.Text {
			if !span.Null() {
				found.Text[slot] = appendSpan(b, d.batch.Text(span))
			}
		}
		b.Detections = append(b.Detections, found)
	}
	r.Detections = schema.Range{First: first, End: uint32(len(b.Detections))}
}

// Asks reports whether the state depends on what origins looked for outside the
// objects that were added, and since when.
func (s *State) Asks(ctx context.Context) (since int64, asks bool, err error) {
	since = math.MaxInt64
	s.asked = func(at int64) { since = min(since, at) }
	defer func() { s.asked = nil }()
	err = s.Each(ctx, func(*Subject) error { return nil })
	return since, since < math.MaxInt64, err
}

// AddReports adds what a dataset's results report since a time, as far as it says
// what their origins look for.
func (s *State) AddReports(ctx context.Context, l *lake.Lake, since int64) error {
	if !l.Has("detections") {
		return nil
	}
	names := []string{
		"identifier_kind", "category", "detection_type", "custom_identifier_arn", "created_at", "status_code",
		"job_id", "account_id", "region", "source_uri",
	}
	var origin []byte
	b := schema.NewBatch()
	conditions := []lake.Predicate{lake.Between("created_at", since, math.MaxInt64)}
	return s.scan(ctx, l, names, conditions, func(r rows.Rows, row int) {
		created, status := r.Value(4, row), string(r.Value(5, row).Text)
		if !created.Set || status != "COMPLETE" && status != "PARTIAL" || !s.o.Until.Null() && created.Int > s.o.Until.Int() {
			return
		}
		b.Reset()
		var d schema.Detection
		for i, slot := range [...]int{schema.IdentifierKind, schema.Category, schema.DetectionType, schema.CustomIdentifierARN} {
			if v := r.Value(i, row); v.Set {
				d.Text[slot] = appendSpan(b, v.Text)
			}
		}
		origin = appendOrigin(origin[:0], plain(r.Value(6, row)), plain(r.Value(7, row)), plain(r.Value(8, row)), string(r.Value(9, row).Text))
		s.kept.known.add(origin, appendIdentity(nil, s.o.Config, b, &d), noPoint, created.Int)
	})
}

func plain(v rows.Value) where.Value {
	if !v.Set {
		return where.Value{}
	}
	return where.TextValue(v.Text)
}

// appendOrigin is originOf for a row that has no administrator but in the key of
// its source.
func appendOrigin(out []byte, job, account, region where.Value, uri string) []byte {
	if !job.Null() {
		return where.AppendValue(append(out, 'j'), job, where.Text)
	}
	admin := account
	if key, ok := keylayout.Parse(uri); ok && key.Administrator != "" {
		admin = where.TextValue([]byte(key.Administrator))
	}
	out = where.AppendValue(append(out, 'a'), admin, where.Text)
	return where.AppendValue(out, region, where.Text)
}
