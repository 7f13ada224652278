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

// PartitionKey is something that rows can be partitioned by: a level of
// directories, named as Hive does.
type PartitionKey string

// Keys to partition by. Created month and date come from created_at, or where
// that is absent from when the source was last modified, or else are those of
// 1970-01-01; they exist as directories only. The others repeat a column and
// have names of their own; an absent or empty value is `unknown`.
const (
	ByCreatedMonth PartitionKey = "created_month" // created_month=2026-11
	ByCreatedDate  PartitionKey = "created_date"  // created_date=2026-11-22
	ByRegion       PartitionKey = "region"        // p_region=us-east-1
	ByAccount      PartitionKey = "account"       // p_account=111122223333
	ByJob          PartitionKey = "job"           // p_job=…
)

// PartitionKeys returns all keys.
func PartitionKeys() []PartitionKey {
	return []PartitionKey{ByCreatedMonth, ByCreatedDate, ByRegion, ByAccount, ByJob}
}

// slot is the text column of a key that isn't a time.
func (k PartitionKey) slot() int {
	switch k {
	case ByRegion:
		return schema.Region
	case ByAccount:
		return schema.AccountID
	}
	return schema.JobID
}

// Column returns the name of a partition's column: what stands before the `=` of
// its directories.
func (k PartitionKey) Column() string {
	if k.IsTime() {
		return string(k)
	}
	return "p_" + string(k)
}

// IsTime reports whether a key's values are months or dates.
func (k PartitionKey) IsTime() bool { return k == ByCreatedMonth || k == ByCreatedDate }

// partition is where a result's rows go. Its files have one value per key: null,
// the empty text and the text "unknown" share a directory, and so do months with
// and without a created_at of their own, but never a file. That is what Iceberg
// asks of a file's partition.
type partition struct {
	dir    string // slash-separated; "" without keys
	values []partitionValue
}

// partitionValue is the value of one key.
type partitionValue struct {
	null bool
	text string // of a month or date as its directory has it, also where null
}

// id tells partitions apart.
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

// named are the values by key; nil is null.
func (p *partition) named(keys []PartitionKey) map[PartitionKey]*string {
	if len(keys) == 0 {
		return nil
	}
	named := make(map[PartitionKey]*string, len(keys))
	for i, k := range keys {
		if named[k] = nil; !p.values[i].null {
			named[k] = &p.values[i].text
		}
	}
	return named
}

// partitioner finds the partition of a result. Neighbours are nearly always in
// the same one, so it compares with the result before.
type partitioner struct {
	keys  []PartitionKey
	known bool
	last  *partition
	times [][2]int64 // per key: [first, end) of its month or date, in microseconds
}

// same reports whether r goes where the result before went.
func (p *partitioner) same(b *schema.Batch, r *schema.Result) bool {
	if !p.known {
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

// find returns the partition of r. The same one as before is the same pointer.
func (p *partitioner) find(b *schema.Batch, r *schema.Result) *partition {
	if p.same(b, r) {
		return p.last
	}
	p.known = true
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

// Directory names can't be longer than 255 bytes.
const (
	maxValue  = 200
	keptValue = 120
)

// escapeValue escapes a partition value as Hive does (FileUtils.escapePathName),
// and `~`. One too long for a directory's name is cut and ends with `~` and its hash.
func escapeValue(s string) string {
	if s == "" {
		return "unknown"
	}
	var out strings.Builder
	kept := 0 // of a value that is cut: whole escapes
	for i := range len(s) {
		c := s[i]
		if out.Len() <= keptValue {
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

// PartitionValues returns the values that a partition's directory stands for, by
// key: what escapeValue escaped, and a value that was cut as it was cut. It
// reports whether dir is a directory of those keys.
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

// layout is that of a time key's values.
func (k PartitionKey) layout() string {
	if k == ByCreatedMonth {
		return "2006-01"
	}
	return time.DateOnly
}
