// Package cat writes rows of one table, of discovery results or of datasets, to
// a stream: in the order of the input, filtered, as text or as Arrow or Parquet.
//
// Start with [New], [Rows.AddResults] and [Rows.AddDataset]; [NewOutput] writes
// the rows.
package cat

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Options say which rows are written.
type Options struct {
	Table   *schema.Table
	Columns []schema.Column // as Column returns them, in the order in which they are written
	Filter  *where.Filter   // parsed with Fields(Table); nil for all rows
	Limit   int64           // most rows; negative for all
	// Through, if not nil, reports whether a run of a dataset exists.
	Through func(run string) bool
	Workers int
}

// Rows is what is written to: several inputs one after the other, up to the limit
// in all. It is not safe for concurrent use.
type Rows struct {
	o       Options
	columns []schema.Column // of the table: those to write, then those only a filter or a made column needs
	made    bool            // a column to write is made of others
	output  *Output
	left    int64 // rows up to the limit
	free    chan *chunk

	lakes    []*lake.Lake    // that were added
	literals *where.Literals // of the filter; nil without one
	written  int64           // rows
}

// errEnough ends a scan whose limit is reached.
var errEnough = errors.New("enough rows")

// New returns rows that go to output. The caller ends the output.
func New(o Options, output *Output) *Rows {
	r := &Rows{o: o, output: output, left: o.Limit}
	if o.Limit < 0 {
		r.left = rows.AllRows
	}
	need := func(columns []schema.Column) {
		for _, c := range columns {
			if columnIndex(r.columns, c.Name) < 0 {
				r.columns = append(r.columns, c)
			}
		}
	}
	for _, c := range o.Columns {
		of, value := source(o.Table, c.Name)
		r.made = r.made || value != nil
		need(of)
	}
	if o.Filter != nil {
		r.literals = where.NewLiterals(o.Filter, Fields(o.Table))
		need(filterColumns(o.Table, o.Filter))
	}
	r.free = make(chan *chunk, 4*max(o.Workers, 1))
	return r
}

// AddResults writes the rows of discovery results. The tally counts the lines and
// sources that gave no rows, up to where the limit of rows was reached. It is never
// nil.
func (r *Rows) AddResults(ctx context.Context, o raw.Options) (*raw.Tally, error) {
	if r.left == 0 {
		return &raw.Tally{}, nil
	}
	o.Workers = r.o.Workers
	o.SkipOccurrences = r.o.Table.Row != schema.OccurrenceLevel
	tally, err := raw.Scan(ctx, o, func(b *schema.Batch) (*chunk, error) {
		c := r.chunk()
		if c.batch == nil {
			c.batch = rows.NewBatch(r.o.Table.Row, r.columns)
		}
		if literals := r.newLiteralRows(nil); literals != nil && literals.table != r.o.Table {
			batch := rows.NewBatch(literals.table.Row, literals.columns)
			batch.Reset(b)
			literals.look(batch)
		}
		c.reset = func() error {
			c.batch.Reset(b)
			c.begin(c.batch)
			return nil
		}
		return c, c.start(r.o.Limit)
	}, r.write)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return tally, err
}

// AddDataset writes the rows of a dataset.
func (r *Rows) AddDataset(ctx context.Context, l *lake.Lake) error {
	if !l.Has(r.o.Table.Name) {
		return &lake.NoTableError{Table: r.o.Table.Name, Tables: l.Dataset.Tables}
	}
	if r.left == 0 {
		return nil
	}
	r.lakes = append(r.lakes, l)
	q := r.query(r.o.Table, r.columns)
	if r.o.Filter != nil {
		q.Where = conditions(r.o.Table, r.o.Filter)
	}
	err := lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (*chunk, error) {
		c := r.chunk()
		if c.arrow == nil {
			c.arrow = arrowio.NewRows(r.o.Table.Row, r.columns)
		}
		c.reset = func() error {
			if err := c.arrow.Reset(batch); err != nil {
				return err
			}
			c.begin(c.arrow)
			return nil
		}
		return c, c.start(r.o.Limit)
	}, r.write)
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// query asks for columns of a table.
func (r *Rows) query(t *schema.Table, columns []schema.Column) lake.Query {
	q := lake.Query{Table: t.Name, Workers: r.o.Workers}
	if r.o.Through != nil {
		q.Files = func(f *lake.File) bool { return r.o.Through(f.Run) }
	}
	for _, c := range columns {
		q.Columns = append(q.Columns, c.Name)
	}
	return q
}

// Written returns how many rows were written.
func (r *Rows) Written() int64 { return r.written }

// Check returns a *where.LiteralError for the first value in the filter that no
// row of the inputs has, and that isn't a known value of its field either. Where
// the rows that were read don't have it, those that could be left out are read for
// it. After a limit that was reached nothing is known.
func (r *Rows) Check(ctx context.Context) error {
	if r.left == 0 {
		return nil
	}
	for _, l := range r.lakes {
		literals := r.newLiteralRows(l)
		if literals == nil {
			break
		}
		q := r.query(literals.table, literals.columns)
		err := lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (struct{}, error) {
			defer batch.Release()
			in := arrowio.NewRows(literals.table.Row, literals.columns)
			if err := in.Reset(batch); err != nil {
				return struct{}{}, err
			}
			literals.again(r).look(in)
			return struct{}{}, nil
		}, func(struct{}) error {
			if !r.literals.Left() {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
	}
	return r.literals.Check()
}

// literalRows are rows in which literals are looked for.
type literalRows struct {
	table   *schema.Table // the smallest that has the columns
	columns []schema.Column
	rows    *filtered
}

// newLiteralRows returns where to look for the literals that haven't been found,
// in a dataset if l isn't nil; nil where there are none.
func (r *Rows) newLiteralRows(l *lake.Lake) *literalRows {
	left := r.literals.Fields()
	if len(left) == 0 {
		return nil
	}
	fields := Fields(r.o.Table)
	var columns []schema.Column
	for _, i := range left {
		of, _ := source(r.o.Table, fields[i].Name)
		for _, c := range of {
			if columnIndex(columns, c.Name) < 0 {
				columns = append(columns, c)
			}
		}
	}
	table := r.o.Table
	for _, t := range schema.Tables() {
		if t.Row < table.Row && (l == nil || l.Has(t.Name)) &&
			!slices.ContainsFunc(columns, func(c schema.Column) bool { _, ok := t.Column(c.Name); return !ok }) {
			table = t
		}
	}
	return &literalRows{table, columns, newFiltered(r.o.Filter, r.o.Table, columns, r.literals)}
}

// again returns the same for another goroutine.
func (l *literalRows) again(r *Rows) *literalRows {
	return &literalRows{l.table, l.columns, newFiltered(r.o.Filter, r.o.Table, l.columns, r.literals)}
}

// look looks for the literals in all rows.
func (l *literalRows) look(in rows.Rows) {
	l.rows.reset(in)
	for l.rows.literals.Left() && in.Next() {
		for row := range in.Len() {
			l.rows.row, l.rows.scratch = row, l.rows.scratch[:0]
			l.rows.literals.Look(l.rows.get)
		}
	}
}

// LateResults returns how many results of a dataset that were created until a time,
// in microseconds since 1970, or have none, are of late runs; of a dataset without
// the table of results it counts the rows of t.
func LateResults(ctx context.Context, l *lake.Lake, t *schema.Table, until int64, late func(run string) bool, workers int) (int64, error) {
	if l.Has(schema.Results().Name) {
		t = schema.Results()
	}
	created, ok := t.Column("created_at")
	if !ok {
		return 0, nil
	}
	q := lake.Query{Table: t.Name, Columns: []string{created.Name}, Workers: workers, Files: func(f *lake.File) bool { return late(f.Run) }}
	total := int64(0)
	err := lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (int64, error) {
		defer batch.Release()
		in := arrowio.NewRows(t.Row, []schema.Column{created})
		if err := in.Reset(batch); err != nil {
			return 0, err
		}
		n := int64(0)
		for in.Next() {
			for row := range in.Len() {
				if v := in.Value(0, row); !v.Set || v.Int <= until {
					n++
				}
			}
		}
		return n, nil
	}, func(n int64) error {
		total += n
		return nil
	})
	return total, err
}

// maxTagKeys is how many keys TagKeys remembers.
const maxTagKeys = 10_000

// TagKeys returns the keys of the tags that a field of results has in datasets and
// results, the most frequent first. results may be nil.
func TagKeys(ctx context.Context, lakes []*lake.Lake, results *raw.Options, field string, workers int) ([]string, error) {
	column, ok := tableColumn(schema.Results(), field)
	if !ok || column.Type != schema.Map {
		return nil, nil
	}
	columns := []schema.Column{column}
	counts := map[string]int64{}
	add := func(of map[string]int64) error {
		for key, n := range of {
			if _, ok := counts[key]; ok || len(counts) < maxTagKeys {
				counts[key] += n
			}
		}
		return nil
	}
	count := func(in rows.Rows) map[string]int64 {
		of := map[string]int64{}
		for in.Next() {
			for row := range in.Len() {
				for _, e := range in.Value(0, row).Map {
					of[string(e.Key)]++
				}
			}
		}
		return of
	}
	for _, l := range lakes {
		if !l.Has(schema.Results().Name) {
			continue
		}
		q := lake.Query{Table: schema.Results().Name, Columns: []string{column.Name}, Workers: workers}
		err := lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (map[string]int64, error) {
			defer batch.Release()
			in := arrowio.NewRows(schema.ResultLevel, columns)
			if err := in.Reset(batch); err != nil {
				return nil, err
			}
			return count(in), nil
		}, add)
		if err != nil {
			return nil, err
		}
	}
	if results != nil {
		o := *results
		o.Workers, o.SkipOccurrences = workers, true
		_, err := raw.Scan(ctx, o, func(b *schema.Batch) (map[string]int64, error) {
			in := rows.NewBatch(schema.ResultLevel, columns)
			in.Reset(b)
			return count(in), nil
		}, add)
		if err != nil {
			return nil, err
		}
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}), nil
}

// chunk is the rows of a batch on their way to the output. The first of them are
// encoded by a worker, as far as they fit its memory; the others, of which there
// can be any number, when it is their turn.
type chunk struct {
	encoder encoder
	filter  *filtered // nil without one
	made    *madeRows // nil where all columns are of the table
	batch   *rows.Batch
	arrow   *arrowio.Rows
	reset   func() error // begins again with the first row
	rows    int64        // that are encoded
	more    bool
}

// chunk returns a chunk that is not in use.
func (r *Rows) chunk() *chunk {
	select {
	case c := <-r.free:
		return c
	default:
	}
	c := &chunk{encoder: r.output.encoder()}
	if r.o.Filter != nil {
		c.filter = newFiltered(r.o.Filter, r.o.Table, r.columns, r.literals)
	}
	if r.made {
		c.made = newMadeRows(r.o.Table, r.o.Columns, r.columns)
	}
	return c
}

// begin gives the encoder rows.
func (c *chunk) begin(rows rows.Rows) {
	if c.filter != nil {
		c.filter.reset(rows)
		rows = c.filter
	}
	if c.made != nil {
		c.made.reset(rows)
		rows = c.made
	}
	c.encoder.reset(rows)
}

// start encodes the first rows, at most limit where that isn't negative.
func (c *chunk) start(limit int64) error {
	if limit < 0 {
		limit = rows.AllRows
	}
	err := c.reset()
	if err == nil {
		c.rows, c.more, err = c.encoder.next(limit)
	}
	return err
}

// write writes a chunk, and encodes the rest of it.
func (r *Rows) write(c *chunk) error {
	if c.rows > r.left {
		if err := c.start(r.left); err != nil {
			return err
		}
	}
	for {
		if c.rows > 0 {
			if err := c.encoder.write(r.output); err != nil {
				return err
			}
		}
		r.written += c.rows
		if r.left -= c.rows; r.left == 0 {
			return errEnough
		}
		if !c.more {
			break
		}
		var err error
		if c.rows, c.more, err = c.encoder.next(r.left); err != nil {
			return err
		}
	}
	c.reset = nil // lets go of the batch
	select {
	case r.free <- c:
	default:
	}
	return nil
}
