package cat

import (
	"bytes"
	"slices"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// aliases are the short names that filters have for columns, as summaries have
// them. It is only read.
var aliases = map[string]string{
	"type":          "detection_type",
	"identifier":    "custom_identifier_arn",
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
	"extension":     "object_extension",
	"storage_class": "object_storage_class",
	"encryption":    "object_encryption_type",
	"public_access": "bucket_effective_permission",
	"object_public": "object_public_access",
	"tag":           "object_tags",
	"bucket_tag":    "bucket_tags",
}

// Fields returns what a filter on rows of a table may name: its columns, by their
// names, and those of them that have a short name by that.
func Fields(t *schema.Table) []where.Field {
	var fields []where.Field
	for _, c := range t.Columns {
		fields = append(fields, where.Field{Name: c.Name, Kind: kindOf(c.Type)})
	}
	var short []where.Field
	for name, column := range aliases {
		if c, ok := t.Column(column); ok {
			short = append(short, where.Field{Name: name, Kind: kindOf(c.Type)})
		}
	}
	slices.SortFunc(short, func(a, b where.Field) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return append(fields, short...)
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

// fieldColumn returns the column of a field.
func fieldColumn(t *schema.Table, name string) schema.Column {
	if c, ok := t.Column(name); ok {
		return c
	}
	c, _ := t.Column(aliases[name])
	return c
}

// filterColumns returns the columns that a filter looks at.
func filterColumns(t *schema.Table, f *where.Filter) []schema.Column {
	fields := Fields(t)
	var columns []schema.Column
	for _, i := range f.Fields() {
		columns = append(columns, fieldColumn(t, fields[i].Name))
	}
	return columns
}

// conditions returns what a dataset's files can be left out by.
func conditions(t *schema.Table, f *where.Filter) []lake.Predicate {
	fields := Fields(t)
	var list []lake.Predicate
	for _, c := range f.Required() {
		switch column := fieldColumn(t, fields[c.Field].Name); {
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
	places  []int // by field: its column
	rows    rows.Rows
	get     func(field int, key string) where.Value

	first, len int // the run, in that of rows
	end        int // of the run of rows
	looked     int // rows of it that were looked at
	row        int // that get is asked about
}

func newFiltered(f *where.Filter, fields []where.Field, t *schema.Table, columns []schema.Column) *filtered {
	r := &filtered{filter: f, columns: columns, places: make([]int, len(fields))}
	for _, i := range f.Fields() {
		r.places[i] = columnIndex(columns, fieldColumn(t, fields[i].Name).Name)
	}
	r.get = func(field int, key string) where.Value {
		column := r.places[field]
		return valueOf(r.columns[column].Type, r.rows.Value(column, r.row), key)
	}
	return r
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
	for _, i := range r.filter.Fields() {
		if !r.rows.Shared(r.places[i]) {
			return false
		}
	}
	return true
}

func (r *filtered) match(row int) bool {
	r.row = row
	return r.filter.Match(r.get)
}

// Len implements rows.Rows.
func (r *filtered) Len() int { return r.len }

// Shared implements rows.Rows.
func (r *filtered) Shared(column int) bool { return r.len == 1 || r.rows.Shared(column) }

// Value implements rows.Rows.
func (r *filtered) Value(column, row int) rows.Value { return r.rows.Value(column, r.first+row) }
