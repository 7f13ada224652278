package sink

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
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

// partitioner finds the directory of a result. Neighbours are nearly always in
// the same one, so it compares with the result before.
type partitioner struct {
	keys   []PartitionKey
	known  bool
	last   string
	values []partitionValue // one a key
}

// partitionValue is what results of the last directory have in common.
type partitionValue struct {
	first, end int64  // times, in microseconds, [first, end)
	text       []byte // text
}

// same reports whether r goes where the result before went.
func (p *partitioner) same(b *schema.Batch, r *schema.Result) bool {
	if !p.known {
		return false
	}
	for i, k := range p.keys {
		v := &p.values[i]
		if k.IsTime() {
			if at := b.CreatedAt(r); at < v.first || at >= v.end {
				return false
			}
		} else if !bytes.Equal(b.Text(r.Text[k.slot()]), v.text) {
			return false
		}
	}
	return true
}

// dir returns the directory of r, slash-separated.
func (p *partitioner) dir(b *schema.Batch, r *schema.Result) string {
	if p.same(b, r) {
		return p.last
	}
	if p.values == nil {
		p.values = make([]partitionValue, len(p.keys))
	}
	var dirs []string
	for i, k := range p.keys {
		v := &p.values[i]
		if !k.IsTime() {
			v.text = append(v.text[:0], b.Text(r.Text[k.slot()])...)
			dirs = append(dirs, k.Column()+"="+escapeValue(string(v.text)))
			continue
		}
		t := time.UnixMicro(b.CreatedAt(r)).UTC()
		year, month, day := t.Date()
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
		end := first.AddDate(0, 1, 0)
		value := fmt.Sprintf("%04d-%02d", year, int(month))
		if k == ByCreatedDate {
			first = time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
			end = first.AddDate(0, 0, 1)
			value += fmt.Sprintf("-%02d", day)
		}
		v.first, v.end = first.UnixMicro(), end.UnixMicro()
		dirs = append(dirs, k.Column()+"="+value)
	}
	if len(p.keys) == 0 { // everything is in one place
		p.values = []partitionValue{{first: math.MinInt64, end: math.MaxInt64}}
	}
	p.known = true
	p.last = path.Join(dirs...)
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
