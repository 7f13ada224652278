package sink

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/macielake/macielake/pkg/schema"
)

// rowsBatch builds batches of results that have only the values that a sink reads.
type rowsBatch struct{ *schema.Batch }

func newRowsBatch() rowsBatch {
	b := rowsBatch{schema.NewBatch()}
	b.Sources = append(b.Sources, schema.Source{})
	return b
}

// text adds a text. The empty text isn't null.
func (b rowsBatch) text(s string) schema.Span {
	off := len(b.Buf)
	b.Buf = append(b.Buf, s...)
	return schema.Span{Off: uint32(off), Len: uint32(len(s))}
}

// add adds and returns a result with an account and numbers of detections and
// locations.
func (b rowsBatch) add(account string, detections, locations int64) *schema.Result {
	var r schema.Result
	r.Text[schema.AccountID] = b.text(account)
	r.Int[schema.SourceLine] = int64(len(b.Results))
	r.Int[schema.TypeCount] = detections
	r.Int[schema.LocationCount] = locations
	r.IntSet = 1<<schema.SourceLine | 1<<schema.TypeCount | 1<<schema.LocationCount
	b.Results = append(b.Results, r)
	return &b.Results[len(b.Results)-1]
}

func setCreated(r *schema.Result, us int64) {
	r.Int[schema.CreatedAt] = us
	r.IntSet |= 1 << schema.CreatedAt
}

func micros(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

func TestPartitionTimes(t *testing.T) {
	for _, test := range []struct {
		at          string
		month, date string
	}{
		{"2026-11-22T05:18:41Z", "2026-11", "2026-11-22"},
		{"2026-10-31T23:59:59.999Z", "2026-10", "2026-10-31"},
		{"2026-11-01T00:00:00Z", "2026-11", "2026-11-01"},
		{"2026-11-01T00:30:00+01:00", "2026-10", "2026-10-31"}, // the date in UTC
		{"2026-12-31T23:30:00-01:00", "2027-01", "2027-01-01"},
		{"2024-02-29T12:00:00Z", "2024-02", "2024-02-29"},
		{"1970-01-01T00:00:00Z", "1970-01", "1970-01-01"},
		{"1969-12-31T23:59:59.999Z", "1969-12", "1969-12-31"},
		{"0001-01-01T00:00:00Z", "0001-01", "0001-01-01"},
		{"9999-12-31T23:59:59.999Z", "9999-12", "9999-12-31"},
	} {
		for _, absent := range []bool{false, true} {
			b := newRowsBatch()
			r := b.add("", 0, 0)
			if us := micros(t, test.at); absent { // created_at is null: the source has the time
				b.Sources[0].LastModified = us
			} else {
				setCreated(r, us)
				b.Sources[0].LastModified = 12345
			}
			p := partitioner{keys: []PartitionKey{ByCreatedMonth, ByCreatedDate}}
			want := "created_month=" + test.month + "/created_date=" + test.date
			if got := p.find(b.Batch, r).dir; got != want {
				t.Errorf("%s (absent: %v) is in %s, want %s", test.at, absent, got, want)
			}
		}
	}
}

// A partitioner that remembers the previous result finds the same partitions as a new
// one.
func TestPartitionerReuse(t *testing.T) {
	b := newRowsBatch()
	b.Sources = append(b.Sources, schema.Source{LastModified: micros(t, "2026-03-31T23:59:59.999Z")})
	for _, at := range []int64{
		micros(t, "2026-03-31T23:59:59.999Z"), micros(t, "2026-04-01T00:00:00Z"), micros(t, "2026-03-01T00:00:00Z"),
		micros(t, "2026-02-28T23:59:59.999Z"), 0, -1, micros(t, "0001-01-01T00:00:00Z"), micros(t, "9999-12-31T23:59:59.999Z"),
		math.MinInt64, math.MaxInt64, // a source's time may be anything
	} {
		for _, account := range []string{"", "111122223333", "444455556666"} {
			for _, source := range []uint32{0, 1} {
				r := b.add(account, 0, 0)
				if r.Source = source; source == 0 {
					setCreated(r, at)
				}
			}
		}
	}
	b.Results[0].Text[schema.AccountID] = schema.Span{}
	for _, keys := range [][]PartitionKey{
		nil, {ByCreatedMonth}, {ByCreatedDate}, {ByAccount}, {ByAccount, ByCreatedMonth}, {ByCreatedDate, ByRegion, ByAccount},
	} {
		for i := range b.Results {
			for j := range b.Results {
				used := partitioner{keys: keys}
				before, got := used.find(b.Batch, &b.Results[i]).id(), used.find(b.Batch, &b.Results[j]).id()
				fresh := partitioner{keys: keys}
				if want := fresh.find(b.Batch, &b.Results[j]).id(); got != want {
					t.Fatalf("by %v, result %d after %d is in %s, want %s", keys, j, i, got, want)
				}
				// inLast may be false for the same partition, but never true for another.
				fresh = partitioner{keys: keys}
				fresh.find(b.Batch, &b.Results[i])
				if fresh.inLast(b.Batch, &b.Results[j]) && before != got {
					t.Fatalf("by %v, inLast is true for results %d in %s and %d in %s", keys, i, before, j, got)
				}
			}
		}
	}
}

func TestPartitionKeys(t *testing.T) {
	b := newRowsBatch()
	r := b.add("111122223333", 0, 0)
	setCreated(r, 0)
	r.Text[schema.Region] = b.text("eu-west-1")
	r.Text[schema.JobID] = b.text("3ce05dbb7ec5505def334104bf226e4b")
	for _, test := range []struct {
		keys []PartitionKey
		want string
	}{
		{nil, ""},
		{PartitionKeys(), "created_month=1970-01/created_date=1970-01-01/p_region=eu-west-1/p_account=111122223333/p_job=3ce05dbb7ec5505def334104bf226e4b"},
		{[]PartitionKey{ByAccount, ByCreatedMonth}, "p_account=111122223333/created_month=1970-01"},
	} {
		p := partitioner{keys: test.keys}
		if got := p.find(b.Batch, r).dir; got != test.want {
			t.Errorf("by %v in %s, want %s", test.keys, got, test.want)
		}
	}
}

func TestEscapeValue(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", "unknown"},
		{"us-east-1", "us-east-1"},
		{"a b", "a b"},
		{"é€", "é€"},
		{"..", ".."}, // after `p_region=` it is part of a name
		{"../..", "..%2F.."},
		{"a/b", "a%2Fb"},
		{`a\b`, "a%5Cb"},
		{"a=b", "a%3Db"},
		{"a%2Fb", "a%252Fb"},
		{"\x00\n\x1f\x7f", "%00%0A%1F%7F"},
		{`"#%'*/:=?\{[]^`, "%22%23%25%27%2A%2F%3A%3D%3F%5C%7B%5B%5D%5E"},
		{strings.Repeat("a", 200), strings.Repeat("a", 200)},
	} {
		if got := escapeValue(test.in); got != test.want {
			t.Errorf("escapeValue(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

// Long values are cut, and different ones stay different.
func TestEscapeLongValue(t *testing.T) {
	seen := make(map[string]string)
	for _, unit := range []string{"a", "/", "é", "€", "𝄞", "a/€"} {
		for n := range 300 {
			for _, end := range []string{"x", "y"} {
				value := strings.Repeat(unit, n) + end
				got := escapeValue(value)
				checkDir(t, value, got)
				if other, ok := seen[got]; ok && other != value {
					t.Fatalf("%q and %q are both escaped to %q", value, other, got)
				}
				seen[got] = value
				if len(got) > maxValue {
					t.Fatalf("%q has %d bytes", got, len(got))
				}
			}
		}
	}
	long := strings.Repeat("a", 201)
	if got := escapeValue(long); !strings.HasPrefix(got, long[:cutValue]+"~") || len(got) != cutValue+33 {
		t.Errorf("a long value is cut to %q", got)
	}
}

// checkDir checks that an escaped value gives the name of one directory.
func checkDir(t *testing.T, value, escaped string) {
	t.Helper()
	name := "p_account=" + escaped
	if len(name) > 255 || strings.ContainsAny(escaped, "/\\=\x00") || path.Join("results", name) != "results/"+name {
		t.Fatalf("%.60q gives %q, which isn't the name of a directory", value, name)
	}
	if utf8.ValidString(value) && !utf8.ValidString(escaped) {
		t.Fatalf("%.60q gives %q, which isn't UTF-8", value, name)
	}
}

func FuzzEscapeValue(f *testing.F) {
	for _, s := range []string{"", "../..", "a/b", "a\x00b", "=", "..", ".", "\xff", "é", strings.Repeat("%", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) { checkDir(t, value, escapeValue(value)) })
}

// Whatever the values are, files lie in a partition's directory below their table.
func TestHostilePartitions(t *testing.T) {
	b := newRowsBatch()
	values := []string{"../..", "a/b", "a\x00b", "a=b", "..", ".", "/etc", `..\..`, "", strings.Repeat("../", 200), "p_account=x"}
	for _, v := range values {
		b.add(v, 1, 1)
	}
	f := newRecorder()
	s := New(f.options([]PartitionKey{ByAccount}, resultsOnly(t)...))
	if err := s.Write(0, b.Batch); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := s.Commit()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(values) {
		t.Errorf("%d files, want %d", len(files), len(values))
	}
	for _, file := range files {
		parts := strings.Split(file.Path, "/")
		if len(parts) != 3 || parts[0] != "results" || !strings.HasPrefix(parts[1], "p_account=") || parts[2] != "part-0.fake" ||
			path.Clean(file.Path) != file.Path || strings.ContainsRune(file.Path, 0) {
			t.Errorf("a file is at %q", file.Path)
		}
	}
}

// Null, the empty text and "unknown" share a directory but no file, and so do rows of a
// month with and without a created_at. File.Partition has the value of each file.
func TestFilePartitions(t *testing.T) {
	b := newRowsBatch()
	b.Sources[0].LastModified = micros(t, "2026-11-05T00:00:00Z")
	at := micros(t, "2026-11-20T00:00:00Z")
	for range 2 {
		for _, region := range []string{"null", "", "unknown", "eu-west-1"} {
			for _, created := range []int64{0, at, at + 5} {
				r := b.add("1", 1, 3)
				if region == "null" {
					r.Text[schema.Region] = schema.Span{}
				} else {
					r.Text[schema.Region] = b.text(region)
				}
				if created != 0 {
					setCreated(r, created)
				}
			}
		}
	}
	f := newRecorder()
	files, err := convert(New(f.options([]PartitionKey{ByCreatedMonth, ByRegion}, schema.Occurrences())), b.Batch)
	if err != nil {
		t.Fatal(err)
	}
	f.checkFiles(t, files)
	var got []string
	for _, file := range files {
		value := func(k PartitionKey) string {
			if v, ok := file.Partition[k]; !ok {
				return "?"
			} else if v != nil {
				return fmt.Sprintf("%q", *v)
			}
			return "null"
		}
		times := "null"
		if c := file.CreatedAt; c.Min != nil {
			times = fmt.Sprint(*c.Min-at, "-", *c.Max-at)
		}
		got = append(got, fmt.Sprint(file.Path, " ", value(ByCreatedMonth), " ", value(ByRegion), " ", file.Rows, " ", times, " ", file.CreatedAt.Nulls))
	}
	const dir = "occurrences/created_month=2026-11/p_region="
	want := []string{
		dir + "unknown/part-0.fake null null 6 null 6",
		dir + `unknown/part-1.fake "2026-11" null 12 0-5 0`,
		dir + `unknown/part-2.fake null "" 6 null 6`,
		dir + `unknown/part-3.fake "2026-11" "" 12 0-5 0`,
		dir + `unknown/part-4.fake null "unknown" 6 null 6`,
		dir + `unknown/part-5.fake "2026-11" "unknown" 12 0-5 0`,
		dir + `eu-west-1/part-0.fake null "eu-west-1" 6 null 6`,
		dir + `eu-west-1/part-1.fake "2026-11" "eu-west-1" 12 0-5 0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("files\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The limit is on open files, not on all partitions of the part.
func TestPartitionLimit(t *testing.T) {
	f := newRecorder()
	o := f.options([]PartitionKey{ByAccount}, resultsOnly(t)...)
	o.TargetFileSize = 1 // each check ends all files
	s := New(o)
	for i := range 2 {
		b := newRowsBatch()
		for j := range maxOpenFiles - 1 {
			b.add(fmt.Sprint(i, "-", j), 1, 1)
		}
		for range 5000 { // more than between two checks
			b.add("often", 1, 1)
		}
		if err := s.Write(0, b.Batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
}

func TestTooManyPartitions(t *testing.T) {
	b := newRowsBatch()
	for i := range maxOpenFiles {
		b.add(fmt.Sprint(i), 1, 1)
	}
	b.add("0", 1, 1) // a partition that has an open file
	f := newRecorder()
	s := New(f.options([]PartitionKey{ByAccount}, resultsOnly(t)...))
	if err := s.Write(0, b.Batch); err != nil {
		t.Fatal(err)
	}
	b.Results = b.Results[:0]
	b.add("one more", 1, 1)
	err := s.Write(0, b.Batch)
	var tooMany *TooManyPartitionsError
	if !errors.As(err, &tooMany) || tooMany.Table != "results" {
		t.Fatalf("the 257th partition: %v, want a TooManyPartitionsError", err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	if len(f.outputs) != maxOpenFiles {
		t.Errorf("%d files were created, want %d", len(f.outputs), maxOpenFiles)
	}
	for _, out := range f.outputs {
		if !out.aborted || out.committed {
			t.Errorf("%s isn't aborted", out.path)
		}
	}
}
