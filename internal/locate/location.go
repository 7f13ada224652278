package locate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// locationColumns are the columns of occurrences that are read.
func locationColumns() []schema.Column {
	names := [...]string{
		"bucket_name", "object_key", "source_uri", "source_line", "detection_index", "location_kind",
		"cell_row", "cell_column", "cell_column_name", "cell_reference", "line_start", "line_end", "line_start_column",
		"offset_start", "offset_end", "offset_start_column", "page_number", "record_index", "json_path",
	}
	table := schema.Occurrences()
	columns := make([]schema.Column, len(names))
	for i, name := range names {
		c, ok := table.Column(name)
		if !ok {
			panic("locate: no column " + name)
		}
		columns[i] = c
	}
	return columns
}

// Places of the columns that tell which finding a location belongs to.
const (
	atBucket = iota
	atKey
	atURI
	atLine
	atIndex
	atKind
)

// locationOf returns the location in a row.
func locationOf(r rows.Rows, row int) Location {
	number := func(column int) *int64 {
		if v := r.Value(column, row); v.Set {
			n := v.Int
			return &n
		}
		return nil
	}
	text := func(column int) *string {
		if v := r.Value(column, row); v.Set {
			s := string(v.Text)
			return &s
		}
		return nil
	}
	l := Location{Kind: string(r.Value(atKind, row).Text)}
	at := atKind
	next := func() int { at++; return at }
	l.CellRow, l.CellColumn, l.CellColumnName, l.CellReference = number(next()), number(next()), text(next()), text(next())
	l.LineStart, l.LineEnd, l.LineStartColumn = number(next()), number(next()), number(next())
	l.OffsetStart, l.OffsetEnd, l.OffsetStartColumn = number(next()), number(next()), number(next())
	l.PageNumber, l.RecordIndex, l.JSONPath = number(next()), number(next()), text(next())
	l.Text = l.words()
	return l
}

// sortLocations puts locations in the order in which people look for them.
func sortLocations(list []Location) {
	slices.SortStableFunc(list, func(a, b Location) int {
		return cmp.Or(
			cmp.Compare(a.Kind, b.Kind), compareText(sheet(a.CellReference), sheet(b.CellReference)),
			compare(a.PageNumber, b.PageNumber), compare(a.RecordIndex, b.RecordIndex),
			compare(a.LineStart, b.LineStart), compare(a.LineStartColumn, b.LineStartColumn),
			compare(a.OffsetStart, b.OffsetStart), compare(a.CellRow, b.CellRow), compare(a.CellColumn, b.CellColumn),
			compareText(a.CellReference, b.CellReference), compareText(a.JSONPath, b.JSONPath))
	})
}

// sheet returns the sheet that a reference such as Sheet2!C5 names.
func sheet(reference *string) *string {
	if reference == nil {
		return nil
	}
	name, _, ok := strings.Cut(*reference, "!")
	if !ok {
		name = ""
	}
	return &name
}

// compare orders numbers, absent ones last.
func compare(a, b *int64) int {
	switch {
	case a == nil || b == nil:
		return compareAbsent(a == nil, b == nil)
	}
	return cmp.Compare(*a, *b)
}

// compareText orders texts by their bytes, absent ones last.
func compareText(a, b *string) int {
	if a == nil || b == nil {
		return compareAbsent(a == nil, b == nil)
	}
	return strings.Compare(*a, *b)
}

func compareAbsent(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// words says where the location is: `Sheet2!C5, column email`, `line 12, column 4`,
// `page 7`, `record 3, $.ssn`. What comes from outside is as it came.
func (l *Location) words() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch l.Kind {
	case "cell":
		switch {
		case l.CellReference != nil:
			parts = append(parts, *l.CellReference)
		case l.CellRow != nil && l.CellColumn != nil && l.CellColumnName != nil:
			add("row %d, column %d (%s)", *l.CellRow, *l.CellColumn, *l.CellColumnName)
			return parts[0]
		default:
			if l.CellRow != nil {
				add("row %d", *l.CellRow)
			}
			if l.CellColumn != nil {
				add("column %d", *l.CellColumn)
			}
		}
		if l.CellColumnName != nil {
			add("column %s", *l.CellColumnName)
		}
	case "page":
		if l.PageNumber != nil {
			add("page %d", *l.PageNumber)
		}
		parts = append(parts, rangeWords("line", l.LineStart, l.LineEnd, l.LineStartColumn)...)
		parts = append(parts, rangeWords("offset", l.OffsetStart, l.OffsetEnd, l.OffsetStartColumn)...)
	case "record":
		if l.RecordIndex != nil {
			add("record %d", *l.RecordIndex)
		}
		if l.JSONPath != nil {
			parts = append(parts, *l.JSONPath)
		}
	default:
		parts = append(rangeWords("line", l.LineStart, l.LineEnd, l.LineStartColumn),
			rangeWords("offset", l.OffsetStart, l.OffsetEnd, l.OffsetStartColumn)...)
	}
	if len(parts) == 0 {
		return "an unknown " + l.Kind
	}
	return strings.Join(parts, ", ")
}

// rangeWords says which lines or offsets a range has.
func rangeWords(unit string, start, end, column *int64) []string {
	var parts []string
	number := func(n *int64) string { return strconv.FormatInt(*n, 10) }
	switch {
	case start != nil && end != nil && *start != *end:
		parts = append(parts, unit+"s "+number(start)+"-"+number(end))
	case start != nil:
		parts = append(parts, unit+" "+number(start))
	case end != nil:
		parts = append(parts, unit+"s up to "+number(end))
	}
	if column != nil {
		parts = append(parts, "column "+number(column))
	}
	return parts
}
