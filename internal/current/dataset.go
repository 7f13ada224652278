package current

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/pkg/schema"
)

// Columns of the tables that the rules need.
var (
	resultColumns = []string{
		"aws_partition", "bucket_name", "object_key", "is_archive_member", "archive_member_path",
		"object_last_modified", "object_version_id", "created_at", "result_id", "source_uri", "source_line",
		"status_code", "status_reason", "size_classified", "account_id", "admin_account_id", "region", "job_id",
	}
	severityColumns = []string{"severity", "severity_score"}
	exposureColumns = []string{
		"bucket_effective_permission", "bucket_encryption_type", "object_public_access", "object_encryption_type",
	}
	detectionColumns = []string{
		"source_line", "identifier_kind", "category", "detection_type", "custom_identifier_arn",
		"occurrence_count", "location_count",
	}
)

// columns are those of the table results that the state needs.
func (s *State) columns() []string {
	names := slices.Clone(resultColumns)
	if s.o.Findings {
		names = append(names, "type_count")
	}
	if s.o.Severity {
		names = append(names, severityColumns...)
	}
	if s.o.Exposure {
		names = append(names, exposureColumns...)
	}
	if s.o.Late != nil || s.o.Since != nil {
		names = append(names, "run_id")
	}
	for _, c := range s.o.Columns {
		names = append(names, c.Table...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wants reports whether a file is of a run that exists.
func (s *State) wants(f *lake.File) bool { return s.o.Through == nil || s.o.Through(f.Run) }

// AddDataset adds the results of a dataset, reading the columns that are needed.
// It gives a *lake.NoTableError for a dataset without the tables for that.
func (s *State) AddDataset(ctx context.Context, l *lake.Lake) error {
	for _, table := range []string{"results", "detections"} {
		if !l.Has(table) && (s.o.Findings || table == "results") {
			return &lake.NoTableError{Table: table, Tables: l.Dataset.Tables}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	rows := make(chan *rowBatch, 1)
	z := &zipper{rows: rows, spare: newSpare()}
	if s.o.Findings {
		group.Go(func() error {
			defer close(rows)
			q := lake.Query{Table: "detections", Columns: detectionColumns, Files: s.wants, Workers: s.o.Workers}
			return lake.Scan(ctx, l, q, z.spare.fill, func(b *rowBatch) error {
				select {
				case rows <- b:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			})
		})
	} else {
		close(rows)
	}
	group.Go(func() error {
		t := s.newTaker()
		spare := newSpare()
		q := lake.Query{Table: "results", Columns: s.columns(), Files: s.wants, Workers: s.o.Workers}
		err := lake.Scan(ctx, l, q, spare.fill, func(b *rowBatch) error {
			defer spare.put(b)
			if s.o.Findings {
				if err := z.join(ctx, b.Batch); err != nil {
					return err
				}
			}
			return t.take(b.Batch, s.kept)
		})
		if err == nil && s.o.Findings {
			err = z.end(ctx)
		}
		return err
	})
	return group.Wait()
}

// rowBatch is a batch that was filled with rows of a table: of results or of
// detections.
type rowBatch struct {
	*schema.Batch
	lines []int64 // source_line of each detection
}

// spare holds batches of one table that are through, to be used again.
type spare chan *rowBatch

// spareBatches is how many batches are kept: more than are in work at a time are
// never there.
const spareBatches = 16

func newSpare() spare { return make(spare, spareBatches) }

// put gives a batch back that nobody refers to any more.
func (s spare) put(b *rowBatch) {
	select {
	case s <- b:
	default:
	}
}

func (s spare) get() *rowBatch {
	select {
	case b := <-s:
		b.Reset()
		return b
	default:
		return &rowBatch{Batch: schema.NewBatch()}
	}
}

// cleared returns a slice of n zero values, in the memory of list if that is
// enough.
func cleared[T any](list []T, n int) []T {
	if cap(list) < n {
		return make([]T, n)
	}
	list = list[:n]
	clear(list)
	return list
}

// fill makes a batch of rows of a table.
func (s spare) fill(_ int, rows arrow.RecordBatch) (*rowBatch, error) {
	defer rows.Release()
	b := s.get()
	f := filler{b.Batch}
	n := int(rows.NumRows())
	if _, ok := rows.Schema().FieldsByName("is_archive_member"); ok {
		b.Sources = append(b.Sources, schema.Source{})
		b.Results = cleared(b.Results, n)
		for i, field := range rows.Schema().Fields() {
			if err := f.results(field.Name, rows.Column(i)); err != nil {
				return nil, err
			}
		}
		return b, nil
	}
	b.Detections = cleared(b.Detections, n)
	b.lines = cleared(b.lines, n)
	for i, field := range rows.Schema().Fields() {
		if err := f.detections(field.Name, rows.Column(i), b.lines); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// zipper gives results their detections: both tables have the same order.
type zipper struct {
	rows  <-chan *rowBatch
	spare spare // gets the batches that are through
	cur   *rowBatch
	at    int // of the next detection in cur
}

// errApart says that results and detections don't belong together.
var errApart = errors.New("the dataset is damaged: its tables results and detections don't belong together")

// join gives the results of b their detections.
func (z *zipper) join(ctx context.Context, b *schema.Batch) error {
	for i := range b.Results {
		r := &b.Results[i]
		first := uint32(len(b.Detections))
		for range r.Int[schema.TypeCount] {
			if ok, err := z.next(ctx); !ok {
				return fallback(err, errApart)
			}
			if z.cur.lines[z.at] != r.Int[schema.SourceLine] {
				return errApart
			}
			d := z.cur.Detections[z.at]
			for slot, span := range d.Text {
				if !span.Null() {
					d.Text[slot] = appendSpan(b, z.cur.Text(span))
				}
			}
			b.Detections = append(b.Detections, d)
			z.at++
		}
		r.Detections = schema.Range{First: first, End: uint32(len(b.Detections))}
	}
	return nil
}

// next makes at the index of a detection in cur; false if there is none left.
func (z *zipper) next(ctx context.Context) (bool, error) {
	for z.cur == nil || z.at == len(z.cur.lines) {
		select {
		case b, ok := <-z.rows:
			if !ok {
				return false, nil
			}
			if z.cur != nil {
				z.spare.put(z.cur)
			}
			z.cur, z.at = b, 0
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	return true, nil
}

// end looks that no detection is left.
func (z *zipper) end(ctx context.Context) error {
	left, err := z.next(ctx)
	if left {
		return errApart
	}
	return err
}

func fallback(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
