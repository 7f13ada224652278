package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/macielake/macielake/pkg/schema"
)

// PartitionKey is a value that rows can be partitioned by. Each key is a level of
// directories, whose names are as in Hive: column=value.
type PartitionKey string

// Keys to partition by. The month and the date are those of created_at in UTC. If it is
// null, they are those of the time the source was last modified, which is 1970-01-01 if
// it isn't known. The other keys repeat a column under another name; the directory of
// null and of the empty text is `unknown`.
const (
	ByCreatedMonth PartitionKey = "created_month" // created_month=2026-11
	ByCreatedDate  PartitionKey = "created_date"  // created_date=2026-11-22
	ByRegion       PartitionKey = "region"        // p_region=us-east-1
	ByAccount      PartitionKey = "account"       // p_account=111122223333
	ByJob          PartitionKey = "job"           // p_job=…
)

// PartitionKeys returns all keys. The caller owns the slice.
func PartitionKeys() []PartitionKey {
	return []PartitionKey{ByCreatedMonth, ByCreatedDate, ByRegion, ByAccount, ByJob}
}

// slot returns the slot in schema.Result.Text of a key that isn't a time.
func (k PartitionKey) slot() int {
	switch k {
	case ByRegion:
		return schema.Region
	case ByAccount:
		return schema.AccountID
	}
	return schema.JobID
}

// Column returns the name of the key's partition column, which is before the `=` in
// names of directories.
func (k PartitionKey) Column() string {
	if k.IsTime() {
		return string(k)
	}
	return "p_" + string(k)
}

// IsTime reports whether the key's values are months or dates.
func (k PartitionKey) IsTime() bool { return k == ByCreatedMonth || k == ByCreatedDate }

// partition holds the values that a result has for each key. All rows of a file have
// the same values, as Iceberg requires (Iceberg table specification, Partitioning). So
// null, the empty text and the text "unknown" share a directory but never a file, and
// so do rows of a month with and without a created_at.
type partition struct {
	dir    string // slash-separated; "" without keys
	values []partitionValue
}

// partitionValue is the value of one key.
type partitionValue struct {
	null bool
	text string // a month or date as in the directory's name, even if created_at is null
}

// id returns a text that is different for each partition.
func (p *partition) id() string {
	id := p.dir
	for _, v := range p.values {
		switch {
		case v.null:
			id += "/null"
		case v.text == "":
			id += "/empty"
		default:
			id += "/value"
		}
	}
	return id
}

// valuesByKey returns the values by key, with nil for null.
func (p *partition) valuesByKey(keys []PartitionKey) map[PartitionKey]*string {
	if len(keys) == 0 {
		return nil
	}
	values := make(map[PartitionKey]*string, len(keys))
	for i, k := range keys {
		if values[k] = nil; !p.values[i].null {
			values[k] = &p.values[i].text
		}
	}
	return values
}

// partitioner finds the partition of a result. Results next to each other are nearly
// always in the same partition, so it first compares a result with the last partition.
type partitioner struct {
	keys  []PartitionKey
	last  *partition // nil before the first result
	times [][2]int64 // [first, end) of the month or date in microseconds, by key
}

// inLast reports whether r is in the partition of the previous result.
func (p *partitioner) inLast(b *schema.Batch, r *schema.Result) bool {
	if p.last == nil {
		return false
	}
	for i, k := range p.keys {
		v := &p.last.values[i]
		if k.IsTime() {
			if at := b.CreatedAt(r); at < p.times[i][0] || at >= p.times[i][1] || v.null == r.HasInt(schema.CreatedAt) {
				return false
			}
		} else if s := r.Text[k.slot()]; v.null != s.Null() || string(b.Text(s)) != v.text {
			return false
		}
	}
	return true
}

// find returns the partition of r. If it is that of the previous result, it is the same
// pointer.
func (p *partitioner) find(b *schema.Batch, r *schema.Result) *partition {
	if p.inLast(b, r) {
		return p.last
	}
	p.last = &partition{values: make([]partitionValue, len(p.keys))}
	p.times = make([][2]int64, len(p.keys))
	dirs := make([]string, len(p.keys))
	for i, k := range p.keys {
		v := &p.last.values[i]
		if !k.IsTime() {
			s := r.Text[k.slot()]
			v.null, v.text = s.Null(), string(b.Text(s))
			dirs[i] = k.Column() + "=" + escapeValue(v.text)
			continue
		}
		year, month, day := time.UnixMicro(b.CreatedAt(r)).UTC().Date()
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		end := first.AddDate(0, 1, 0)
		if k == ByCreatedDate {
			first = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
			end = first.AddDate(0, 0, 1)
		}
		p.times[i] = [2]int64{first.UnixMicro(), end.UnixMicro()}
		v.null, v.text = !r.HasInt(schema.CreatedAt), first.Format(k.layout())
		dirs[i] = k.Column() + "=" + v.text
	}
	p.last.dir = path.Join(dirs...)
	return p.last
}

// The most bytes of an escaped value, and how many are kept of a longer one. File
// systems allow names of up to 255 bytes.
const (
	maxValue = 200
	cutValue = 120
)

// escapeValue escapes a partition value as Hive does (FileUtils.escapePathName), and
// also escapes `~`. It cuts a value that is too long for the name of a directory, and
// appends `~` and a hash of the value.
func escapeValue(s string) string {
	if s == "" {
		return "unknown"
	}
	var out strings.Builder
	kept := 0 // bytes that are kept if the value is cut: only whole escapes
	for i := range len(s) {
		c := s[i]
		if out.Len() <= cutValue {
			kept = out.Len()
		}
		if c < ' ' || c == 0x7f || strings.IndexByte(`"#%'*/:=?\{[]^~`, c) >= 0 {
			fmt.Fprintf(&out, "%%%02X", c)
		} else {
			out.WriteByte(c)
		}
		if out.Len() > maxValue {
			sum := sha256.Sum256([]byte(s))
			return strings.ToValidUTF8(out.String()[:kept], "") + "~" + hex.EncodeToString(sum[:16])
		}
	}
	return out.String()
}

// PartitionValues returns the values in the name of a partition's directory, such as
// p_region=us-east-1/created_month=2026-11, in the order of the keys. They are
// unescaped; a value that was cut stays cut. ok is false if dir is not a directory of
// these keys. The caller owns the slice.
func PartitionValues(dir string, keys []PartitionKey) (values []string, ok bool) {
	levels := strings.Split(dir, "/")
	if dir == "" {
		levels = nil
	}
	if len(levels) != len(keys) {
		return nil, false
	}
	for i, k := range keys {
		escaped, ok := strings.CutPrefix(levels[i], k.Column()+"=")
		if !ok {
			return nil, false
		}
		value, err := url.PathUnescape(escaped)
		if err != nil || value == "" {
			return nil, false
		}
		if _, err := time.Parse(k.layout(), value); k.IsTime() && err != nil {
			return nil, false
		}
		values = append(values, value)
	}
	return values, true
}

// layout returns the layout, as in package time, of the values of a time key.
func (k PartitionKey) layout() string {
	if k == ByCreatedMonth {
		return "2006-01"
	}
	return time.DateOnly
}
