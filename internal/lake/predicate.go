package lake

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet/metadata"
)

// Predicate is a condition on a column. A scan leaves out what can't meet it
// where it sees that cheaply: files by their partition, row groups by their
// statistics or by a look at that column alone. Rows that don't meet it may
// still come.
type Predicate struct {
	column string
	text   bool
	// Of text: one of values, which are sorted, or where there are none a text
	// with low <= text < end, without an end where that is empty.
	values   []string
	low, end string
	// Of integers and times.
	min, max int64
}

// OneOf is the condition that a column of text has one of the values, of which
// there is at least one.
func OneOf(column string, values ...string) Predicate {
	values = slices.Clone(values)
	slices.Sort(values)
	return Predicate{column: column, text: true, values: values}
}

// Prefix is the condition that a column of text begins with prefix.
func Prefix(column, prefix string) Predicate {
	p := Predicate{column: column, text: true, low: prefix}
	// The end is the first text that is greater than all that begin so.
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) > 0 {
		end[len(end)-1]++
		p.end = string(end)
	}
	return p
}

// Between is the condition that an integer, or a time in microseconds since
// 1970, is at least min and at most max.
func Between(column string, min, max int64) Predicate {
	return Predicate{column: column, min: min, max: max}
}

// matchText reports whether a text meets the condition.
func (p *Predicate) matchText(v string) bool {
	if len(p.values) > 0 {
		_, found := slices.BinarySearch(p.values, v)
		return found
	}
	return v >= p.low && (p.end == "" || v < p.end)
}

// overlaps reports whether a text in [low, high] can meet the condition; an
// empty high is unknown.
func (p *Predicate) overlaps(low, high string) bool {
	if len(p.values) > 0 {
		i, _ := slices.BinarySearch(p.values, low)
		return i < len(p.values) && (high == "" || p.values[i] <= high)
	}
	return (high == "" || high >= p.low) && (p.end == "" || low < p.end)
}

// mayHold reports whether a column chunk can hold a value that meets the
// condition, as far as its statistics say.
func (p *Predicate) mayHold(chunk *metadata.ColumnChunkMetaData) bool {
	stats, err := chunk.Statistics()
	if err != nil || stats == nil {
		return true
	}
	if stats.HasNullCount() && stats.NullCount() == chunk.NumValues() {
		return false // null meets no condition
	}
	if !stats.HasMinMax() {
		return true
	}
	low, high := stats.EncodeMin(), stats.EncodeMax()
	if p.text {
		// The library has an empty text for a bound that was left out.
		return p.overlaps(string(low), string(high))
	}
	if len(low) == 4 && len(high) == 4 {
		return int64(int32(binary.LittleEndian.Uint32(high))) >= p.min && int64(int32(binary.LittleEndian.Uint32(low))) <= p.max
	}
	if len(low) == 8 && len(high) == 8 {
		return int64(binary.LittleEndian.Uint64(high)) >= p.min && int64(binary.LittleEndian.Uint64(low)) <= p.max
	}
	return true
}

// mayHoldPartition reports whether a file can hold a value that meets the
// condition, as far as the names of its directories say.
func (p *Predicate) mayHoldPartition(partition map[string]string) bool {
	if p.column == "created_at" && !p.text {
		// A row without a time of its own may be anywhere, but meets nothing.
		for key, layout := range map[string]string{"created_month": "2006-01", "created_date": time.DateOnly} {
			first, err := time.Parse(layout, partition[key])
			if err != nil {
				continue
			}
			end := first.AddDate(0, 1, 0)
			if key == "created_date" {
				end = first.AddDate(0, 0, 1)
			}
			return p.max >= first.UnixMicro() && p.min < end.UnixMicro()
		}
		return true
	}
	key := map[string]string{"region": "p_region", "account_id": "p_account", "job_id": "p_job"}[p.column]
	value, ok := partition[key]
	if !ok || !p.text || value == "unknown" || strings.ContainsAny(value, "%~") { // escaped, or cut
		return true
	}
	return p.matchText(value)
}

// anyMatch reports whether a value of the column meets the condition.
func (p *Predicate) anyMatch(column arrow.Array) bool {
	switch a := column.(type) {
	case *array.Dictionary:
		values, ok := a.Dictionary().(*array.String)
		if !ok {
			return true
		}
		match := make([]bool, values.Len())
		for i := range match {
			match[i] = p.matchText(values.Value(i))
		}
		if !slices.Contains(match, true) {
			return false
		}
		for i := range a.Len() {
			if !a.IsNull(i) && match[a.GetValueIndex(i)] {
				return true
			}
		}
	case *array.Int64:
		return p.anyInt(a, func(i int) int64 { return a.Value(i) })
	case *array.Int32:
		return p.anyInt(a, func(i int) int64 { return int64(a.Value(i)) })
	case *array.Timestamp:
		return p.anyInt(a, func(i int) int64 { return int64(a.Value(i)) })
	case *array.String:
		for i := range a.Len() {
			if !a.IsNull(i) && p.matchText(a.Value(i)) {
				return true
			}
		}
	default:
		return true
	}
	return false
}

func (p *Predicate) anyInt(a arrow.Array, value func(int) int64) bool {
	for i := range a.Len() {
		if v := value(i); !a.IsNull(i) && v >= p.min && v <= p.max {
			return true
		}
	}
	return false
}
