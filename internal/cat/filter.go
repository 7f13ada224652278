package cat

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// aliases are the short names that filters have for columns, as summaries have
// them. It is only read.
var aliases = map[string]string{
	"type":          "detection_type",
	"count":         "occurrence_count",
	"locations":     "location_count",
	"capped":        "is_capped",
	"partition":     "aws_partition",
	"account":       "account_id",
	"bucket":        "bucket_name",
	"key":           "object_key",
	"member":        "archive_member_path",
	"job":           "job_id",
	"origin":        "origin_type",
	"status":        "status_code",
	"reason":        "status_reason",
	"bytes":         "size_classified",
	"size":          "object_size",
	"modified":      "object_last_modified",
	"storage_class": "object_storage_class",
	"encryption":    "object_encryption_type",
	"public_access": "bucket_effective_permission",
	"object_public": "object_public_access",
	"tag":           "object_tags",
	"bucket_tag":    "bucket_tags",
}

// madeField is a field whose values are made of several columns, or of a part of
// one, as those of summaries are. A table has it if it has all the columns.
type madeField struct {
	name    string
	columns []string
	value   func(columns []where.Value, scratch *[]byte) where.Value
}

// madeFields are in the order of their names. It is only read.
var madeFields = []madeField{
	{"date", []string{"created_at"}, dated(time.DateOnly)},
	{"extension", []string{"is_archive_member", "archive_member_extension", "object_extension"}, func(v []where.Value, _ *[]byte) where.Value {
		if v[0].Int() != 0 {
			return v[1]
		}
		return v[2]
	}},
	{"identifier", []string{"custom_identifier_arn"}, func(v []where.Value, _ *[]byte) where.Value {
		if v[0].Null() {
			return where.Value{}
		}
		// Macie writes either the ARN or the ID alone.
		return where.TextValue(v[0].Text()[bytes.LastIndexByte(v[0].Text(), '/')+1:])
	}},
	{"month", []string{"created_at"}, dated("2006-01")},
	{"object", []string{"bucket_name", "object_key"}, func(v []where.Value, scratch *[]byte) where.Value {
		if v[1].Null() {
			return where.Value{}
		}
		return made(scratch, func(out []byte) []byte {
			out = append(append(out, "s3://"...), v[0].Text()...)
			return append(append(out, '/'), v[1].Text()...)
		})
	}},
}

// dated returns a value of created_at in a layout.
func dated(layout string) func([]where.Value, *[]byte) where.Value {
	return func(v []where.Value, scratch *[]byte) where.Value {
		if v[0].Null() {
			return where.Value{}
		}
		return made(scratch, func(out []byte) []byte { return time.UnixMicro(v[0].Int()).UTC().AppendFormat(out, layout) })
	}
}

// made returns a text that is appended to scratch.
func made(scratch *[]byte, fill func([]byte) []byte) where.Value {
	start := len(*scratch)
	*scratch = fill(*scratch)
	return where.TextValue((*scratch)[start:len(*scratch):len(*scratch)])
}

// Fields returns what a filter on rows of a table may name: its columns, by their
// names, those of them that have a short name by that, and the fields that are
// made of columns. A name means the same in summaries.
func Fields(t *schema.Table) []where.Field {
	var fields []where.Field
	field := func(name string, kind where.Kind) where.Field {
		return where.Field{Name: name, Kind: kind, Example: name + ":Owner"}
	}
	for _, c := range t.Columns {
		f := field(c.Name, kindOf(c.Type))
		for name, column := range aliases {
			if column == c.Name {
				f.Values = name
			}
		}
		fields = append(fields, f)
	}
	var short []where.Field
	for name, column := range aliases {
		if c, ok := t.Column(column); ok {
			short = append(short, field(name, kindOf(c.Type)))
		}
	}
	for i := range madeFields {
		if columnsOf(t, madeFields[i].columns) != nil {
			short = append(short, field(madeFields[i].name, where.Text))
		}
	}
	slices.SortFunc(short, func(a, b where.Field) int { return strings.Compare(a.Name, b.Name) })
	return append(fields, short...)
}

// columnsOf returns the columns of a table that have these names; nil if it has
// not all of them.
func columnsOf(t *schema.Table, names []string) []schema.Column {
	columns := make([]schema.Column, len(names))
	for i, name := range names {
		var ok bool
		if columns[i], ok = t.Column(name); !ok {
			return nil
		}
	}
	return columns
}

// Column returns the column that a name of [Fields] stands for, and whether there is
// one. A field that is made of columns gives a column of text that no table has.
func Column(t *schema.Table, name string) (schema.Column, bool) {
	if c, ok := tableColumn(t, name); ok {
		return c, true
	}
	columns, value := source(t, name)
	if value == nil || columns == nil {
		return schema.Column{}, false
	}
	made := schema.Column{Name: name, Type: schema.Text}
	for _, c := range columns {
		made.Level = max(made.Level, c.Level)
	}
	return made, true
}

// tableColumn returns the column of a table that a name stands for, its own or a
// short one.
func tableColumn(t *schema.Table, name string) (schema.Column, bool) {
	if c, ok := t.Column(name); ok {
		return c, true
	}
	return t.Column(aliases[name])
}

// source returns the columns of a field, and what makes its value of them; nil
// where that is the column's own.
func source(t *schema.Table, name string) ([]schema.Column, func([]where.Value, *[]byte) where.Value) {
	if c, ok := tableColumn(t, name); ok {
		return []schema.Column{c}, nil
	}
	for i := range madeFields {
		if madeFields[i].name == name {
			return columnsOf(t, madeFields[i].columns), madeFields[i].value
		}
	}
	return nil, nil
}

func kindOf(t schema.Type) where.Kind {
	switch t {
	case schema.Int64, schema.Int32:
		return where.Int
	case schema.Bool:
		return where.Bool
	case schema.Timestamp:
		return where.Time
	case schema.Map:
		return where.Map
	}
	return where.Text
}

// filterColumns returns the columns that a filter looks at.
func filterColumns(t *schema.Table, f *where.Filter) []schema.Column {
	fields := Fields(t)
	var columns []schema.Column
	for _, i := range f.Fields() {
		of, _ := source(t, fields[i].Name)
		columns = append(columns, of...)
	}
	return columns
}

// conditions returns what a dataset's files can be left out by.
func conditions(t *schema.Table, f *where.Filter) []lake.Predicate {
	fields := Fields(t)
	var list []lake.Predicate
	for _, c := range f.Required() {
		column, ok := tableColumn(t, fields[c.Field].Name)
		switch {
		case !ok: // the values are made of columns
		case len(c.Texts) > 0 && column.Type == schema.Text:
			list = append(list, lake.OneOf(column.Name, c.Texts...))
		case c.Texts == nil && column.Type != schema.Bool:
			list = append(list, lake.Between(column.Name, c.Low, c.High))
		}
	}
	return list
}

func columnIndex(columns []schema.Column, name string) int {
	return slices.IndexFunc(columns, func(c schema.Column) bool { return c.Name == name })
}

// filtered are those of other rows that a filter takes, in runs that are cut
// where it doesn't.
type filtered struct {
	filter  *where.Filter
	columns []schema.Column
	sources []fieldSource // by field
	rows    rows.Rows
	get     func(field int, key string) where.Value
	scratch []byte // of the values that are made for a row

	first, len int             // the run, in that of rows
	literals   *where.Literals // that the filter looks for; nil if there are none
	end        int             // of the run of rows
	looked     int             // rows of it that were looked at
	row        int             // that get is asked about
}

// fieldSource is where a field's values come from.
type fieldSource struct {
	places []int // of its columns
	make   func([]where.Value, *[]byte) where.Value
	values []where.Value
}

func newFiltered(f *where.Filter, t *schema.Table, columns []schema.Column, literals *where.Literals) *filtered {
	fields := Fields(t)
	r := &filtered{filter: f, columns: columns, sources: make([]fieldSource, len(fields)), literals: literals}
	for _, i := range f.Fields() {
		r.sources[i] = newFieldSource(t, fields[i].Name, columns)
	}
	r.get = func(field int, key string) where.Value {
		s := &r.sources[field]
		if s.make == nil {
			column := s.places[0]
			return valueOf(r.columns[column].Type, r.rows.Value(column, r.row), key)
		}
		return s.value(r.columns, r.rows, r.row, &r.scratch)
	}
	return r
}

func newFieldSource(t *schema.Table, name string, columns []schema.Column) fieldSource {
	of, value := source(t, name)
	s := fieldSource{make: value, values: make([]where.Value, len(of))}
	for _, c := range of {
		s.places = append(s.places, columnIndex(columns, c.Name))
	}
	return s
}

// value makes a value of a row's columns.
func (s *fieldSource) value(columns []schema.Column, in rows.Rows, row int, scratch *[]byte) where.Value {
	for i, column := range s.places {
		s.values[i] = valueOf(columns[column].Type, in.Value(column, row), "")
	}
	return s.make(s.values, scratch)
}

// shared reports whether all rows of a run have the value in common.
func (s *fieldSource) shared(in rows.Rows) bool {
	return !slices.ContainsFunc(s.places, func(column int) bool { return !in.Shared(column) })
}

func valueOf(t schema.Type, v rows.Value, key string) where.Value {
	if !v.Set {
		return where.Value{}
	}
	switch t {
	case schema.Text:
		return where.TextValue(v.Text)
	case schema.Bool:
		return where.BoolValue(v.Bool)
	case schema.Map:
		for _, e := range v.Map {
			if string(e.Key) == key && e.Value != nil {
				return where.TextValue(e.Value)
			}
		}
		return where.Value{}
	}
	return where.IntValue(v.Int)
}

func (r *filtered) reset(rows rows.Rows) { r.rows, r.looked, r.end, r.len = rows, 0, 0, 0 }

// Next implements rows.Rows.
func (r *filtered) Next() bool {
	for {
		if r.looked == r.end {
			if !r.rows.Next() {
				return false
			}
			r.looked, r.end = 0, r.rows.Len()
			if r.shared() {
				r.looked = r.end
				if !r.match(0) {
					continue
				}
				r.first, r.len = 0, r.end
				return true
			}
		}
		for r.looked < r.end && !r.match(r.looked) {
			r.looked++
		}
		r.first = r.looked
		for r.looked < r.end && (r.looked == r.first || r.match(r.looked)) {
			r.looked++
		}
		if r.len = r.looked - r.first; r.len > 0 {
			return true
		}
	}
}

// shared reports whether all rows of the run have in common what the filter
// looks at.
func (r *filtered) shared() bool {
	return !slices.ContainsFunc(r.filter.Fields(), func(i int) bool { return !r.sources[i].shared(r.rows) })
}

func (r *filtered) match(row int) bool {
	r.row, r.scratch = row, r.scratch[:0]
	r.literals.Look(r.get)
	return r.filter.Match(r.get)
}

// Len implements rows.Rows.
func (r *filtered) Len() int { return r.len }

// Shared implements rows.Rows.
func (r *filtered) Shared(column int) bool { return r.len == 1 || r.rows.Shared(column) }

// Value implements rows.Rows.
func (r *filtered) Value(column, row int) rows.Value { return r.rows.Value(column, r.first+row) }
