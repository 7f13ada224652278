package sink

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

var errFault = errors.New("broken")

// recorder is a format, and creates files in memory. The files have one line per
// result. It records the calls of a sink.
type recorder struct {
	perRow int64 // bytes of memory per row; a 32nd of it per occurrence
	fault  int   // number of the call that fails, from 1; 0 for none

	mu      sync.Mutex
	calls   int
	outputs []*fakeOutput
	// events are the ends of row groups and files, by table, each with the number of
	// rows of the table before it.
	events map[string][]string
	rows   map[string]int64
}

func newRecorder() *recorder {
	return &recorder{perRow: 100, events: make(map[string][]string), rows: make(map[string]int64)}
}

func (f *recorder) options(keys []PartitionKey, tables ...*schema.Table) Options {
	return Options{
		Format: f, Tables: tables, PartitionBy: keys, Name: "part",
		TargetFileSize: 1 << 40, Memory: 1 << 40, Create: f.create,
	}
}

// call counts a call that may fail.
func (f *recorder) call() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls++; f.calls == f.fault {
		return errFault
	}
	return nil
}

func (f *recorder) create(path string) (Output, error) {
	if err := f.call(); err != nil {
		return nil, err
	}
	out := &fakeOutput{f: f, path: path}
	f.outputs = append(f.outputs, out)
	return out, nil
}

// output returns the file with that path, or an empty one.
func (f *recorder) output(path string) *fakeOutput {
	i := slices.IndexFunc(f.outputs, func(o *fakeOutput) bool { return o.path == path })
	if i < 0 {
		return &fakeOutput{}
	}
	return f.outputs[i]
}

type fakeOutput struct {
	f                  *recorder
	path               string
	data               bytes.Buffer
	committed, aborted bool
}

func (o *fakeOutput) Write(p []byte) (int, error) { return o.data.Write(p) }

func (o *fakeOutput) Commit() error {
	if err := o.f.call(); err != nil {
		return err
	}
	if o.committed || o.aborted {
		return errors.New("committed after its end")
	}
	o.committed = true
	return nil
}

func (o *fakeOutput) Abort() error {
	if o.aborted || o.committed {
		return errors.New("aborted after its end")
	}
	o.aborted = true
	return nil
}

func (f *recorder) Extension() string { return ".fake" }

func (f *recorder) NewEncoder(w io.Writer, t *schema.Table) (Encoder, error) {
	if err := f.call(); err != nil {
		return nil, err
	}
	e := &fakeEncoder{f: f, w: w, table: t, perRow: f.perRow, path: w.(*countedOutput).Output.(*fakeOutput).path}
	if t.Row == schema.OccurrenceLevel {
		e.perRow /= 32
	}
	return e, nil
}

type fakeEncoder struct {
	f             *recorder
	w             io.Writer
	table         *schema.Table
	path          string
	perRow        int64
	rows, written int64
	group         bytes.Buffer
}

func (e *fakeEncoder) Write(b *schema.Batch, first, end int) error {
	if err := e.f.call(); err != nil {
		return err
	}
	if first >= end {
		return errors.New("a write without results")
	}
	for i := first; i < end; i++ {
		r := &b.Results[i]
		n := (&lane{table: e.table}).rows(r)
		e.rows += n
		e.f.add(e.table.Name, n)
		if n > 0 {
			fmt.Fprintf(&e.group, "%s %d*%d\n", b.Text(r.Text[schema.AccountID]), r.Int[schema.SourceLine], n)
		}
	}
	return nil
}

func (f *recorder) add(table string, n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rows[table] += n
}

func (e *fakeEncoder) event(kind string) {
	e.f.mu.Lock()
	defer e.f.mu.Unlock()
	name := e.table.Name
	e.f.events[name] = append(e.f.events[name], fmt.Sprintf("%s %s @%d", kind, e.path, e.f.rows[name]))
}

func (e *fakeEncoder) Rows() int64     { return e.rows }
func (e *fakeEncoder) Buffered() int64 { return e.rows * e.perRow }
func (e *fakeEncoder) Written() int64  { return e.written }
func (e *fakeEncoder) Groups() []int64 { return nil }

func (e *fakeEncoder) Flush() error {
	if err := e.f.call(); err != nil {
		return err
	}
	e.event("flush")
	return e.end()
}

// end writes the row group to the file.
func (e *fakeEncoder) end() error {
	e.written += e.rows * e.perRow
	e.rows = 0
	_, err := e.w.Write(append(e.group.Bytes(), "--\n"...))
	e.group.Reset()
	return err
}

func (e *fakeEncoder) Close() error {
	if err := e.f.call(); err != nil {
		return err
	}
	e.event("close")
	return e.end()
}

func table(t testing.TB, name string) *schema.Table {
	t.Helper()
	for _, table := range schema.Tables() {
		if table.Name == name {
			return table
		}
	}
	t.Fatal("no table", name)
	return nil
}

func resultsOnly(t testing.TB) []*schema.Table { return []*schema.Table{table(t, "results")} }

// convert writes batches to all lanes, and closes and commits the sink.
func convert(s *Sink, batches ...*schema.Batch) ([]File, error) {
	for _, b := range batches {
		for lane := range s.Lanes() {
			if err := s.Write(lane, b); err != nil {
				return nil, err
			}
		}
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return s.Commit()
}

// checkFiles checks that files describes the outputs.
func (f *recorder) checkFiles(t *testing.T, files []File) {
	t.Helper()
	if len(files) != len(f.outputs) {
		t.Errorf("%d files, but %d were created", len(files), len(f.outputs))
	}
	for _, file := range files {
		out := f.output(file.Path)
		sum := sha256.Sum256(out.data.Bytes())
		if file.Bytes != int64(out.data.Len()) || file.SHA256 != hex.EncodeToString(sum[:]) || !out.committed || out.aborted {
			t.Errorf("%s differs from what was written", file.Path)
		}
		var rows int64
		for line := range strings.Lines(out.data.String()) {
			if _, n, ok := strings.Cut(strings.TrimSpace(line), "*"); ok {
				var count int64
				if _, err := fmt.Sscan(n, &count); err != nil {
					t.Fatal(err)
				}
				rows += count
			}
		}
		if file.Rows != rows || rows == 0 {
			t.Errorf("%s has %d rows, File.Rows is %d", file.Path, rows, file.Rows)
		}
		if table, _, _ := strings.Cut(file.Path, "/"); table != file.Table {
			t.Errorf("%s has File.Table %s", file.Path, file.Table)
		}
	}
}

func TestSink(t *testing.T) {
	b := newRowsBatch()
	b.add("a", 2, 5)
	b.add("b", 1, 0)
	b.add("a", 0, 0)
	f := newRecorder()
	s := New(f.options([]PartitionKey{ByAccount}, schema.Tables()...))
	if len(f.outputs) > 0 || s.Lanes() != len(schema.Tables()) {
		t.Fatalf("%d files before the first row, %d lanes", len(f.outputs), s.Lanes())
	}
	files, err := convert(s, b.Batch)
	if err != nil {
		t.Fatal(err)
	}
	f.checkFiles(t, files)
	var got []string
	for _, file := range files {
		got = append(got, fmt.Sprintf("%s %d %q", file.Path, file.Rows, f.output(file.Path).data.String()))
	}
	want := []string{
		`results/p_account=a/part-0.fake 2 "a 0*1\na 2*1\n--\n"`,
		`results/p_account=b/part-0.fake 1 "b 1*1\n--\n"`,
		`detections/p_account=a/part-0.fake 2 "a 0*2\n--\n"`,
		`detections/p_account=b/part-0.fake 1 "b 1*1\n--\n"`,
		`occurrences/p_account=a/part-0.fake 5 "a 0*5\n--\n"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("files:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSinkWithoutRows(t *testing.T) {
	f := newRecorder()
	files, err := convert(New(f.options([]PartitionKey{ByAccount}, schema.Tables()...)), newRowsBatch().Batch)
	if err != nil || len(files) > 0 || len(f.outputs) > 0 {
		t.Errorf("files without rows: %v, %v", files, err)
	}
}

// Results without rows in a table open no file of the table, and rows after them go to
// their own partition.
func TestResultsWithoutRows(t *testing.T) {
	for _, test := range []struct{ name, rows string }{ // account and detections
		{"between two of another", "a1 b0 a1"},
		{"before another", "a1 b0 b1"},
		{"several before another", "a1 b0 c0 b1 a1"},
		{"first", "b0 a1 b0 b2"},
		{"at a batch's end", "a1 b0|b1 a1"},
		{"a whole batch", "a1|b0 b0|a1|b1"},
		{"alone", "b0|b0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := make(map[string]int64)
			var batches []*schema.Batch
			for part := range strings.SplitSeq(test.rows, "|") {
				b := newRowsBatch()
				for r := range strings.FieldsSeq(part) {
					n := int64(r[1] - '0')
					b.add(r[:1], n, 0)
					if n > 0 {
						want["detections/p_account="+r[:1]+"/part-0.fake"] += n
					}
				}
				batches = append(batches, b.Batch)
			}
			f := newRecorder()
			files, err := convert(New(f.options([]PartitionKey{ByAccount}, table(t, "detections"))), batches...)
			if err != nil {
				t.Fatal(err)
			}
			f.checkFiles(t, files)
			for _, file := range files {
				account := strings.TrimSuffix(strings.TrimPrefix(file.Path, "detections/p_account="), "/part-0.fake")
				for line := range strings.Lines(f.output(file.Path).data.String()) {
					if line != "--\n" && !strings.HasPrefix(line, account+" ") {
						t.Errorf("%s has %q", file.Path, line)
					}
				}
				if file.Rows != want[file.Path] {
					t.Errorf("%s has %d rows, want %d", file.Path, file.Rows, want[file.Path])
				}
				delete(want, file.Path)
			}
			if len(want) > 0 {
				t.Errorf("no files for %v", want)
			}
		})
	}
}

// Files depend on the sequence of results, not on how it is divided into batches.
func TestBatchSizes(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	all := newRowsBatch()
	for range 12_000 {
		// Adjacent results mostly share a partition, and many have no detections.
		account := string(rune('a' + rnd.IntN(3)))
		for range rnd.IntN(6) {
			r := all.add(account, max(0, rnd.Int64N(9)-4), max(0, rnd.Int64N(200)-90))
			setCreated(r, rnd.Int64N(3*31*24*3600*1_000_000))
		}
	}
	run := func(cut func(left int) int) *recorder {
		f := newRecorder()
		o := f.options([]PartitionKey{ByAccount, ByCreatedMonth}, schema.Tables()...)
		o.TargetFileSize, o.Memory = 200_000, 3*600_000
		var batches []*schema.Batch
		for rest := all.Results; len(rest) > 0; {
			n := cut(len(rest))
			b := *all.Batch
			b.Results, rest = rest[:n], rest[n:]
			batches = append(batches, &b)
		}
		files, err := convert(New(o), batches...)
		if err != nil {
			t.Fatal(err)
		}
		f.checkFiles(t, files)
		return f
	}
	want := run(func(left int) int { return left })
	for _, table := range schema.Tables() {
		kinds := strings.Join(want.events[table.Name], "\n")
		if !strings.Contains(kinds, "flush") || !strings.Contains(kinds, "-1.fake") {
			t.Fatalf("%s is too small for several row groups and files", table.Name)
		}
	}
	for seed := range uint64(4) {
		cuts := rand.New(rand.NewPCG(seed, 1))
		limit := []int{1, 10, 1000, 9000}[seed]
		got := run(func(left int) int { return min(left, 1+cuts.IntN(limit)) })
		for name, events := range want.events {
			if !slices.Equal(got.events[name], events) {
				t.Fatalf("%s: in batches of up to %d:\n%s\nat once:\n%s", name, limit,
					strings.Join(got.events[name], "\n"), strings.Join(events, "\n"))
			}
		}
		for _, out := range want.outputs {
			if !bytes.Equal(got.output(out.path).data.Bytes(), out.data.Bytes()) {
				t.Fatalf("%s differs in batches of up to %d", out.path, limit)
			}
		}
	}
}

// Row groups end at their limits on rows and bytes, and files at the target size.
func TestFileSizes(t *testing.T) {
	const interval = 4 << 10 // rows of results and detections between checks
	for _, test := range []struct {
		name   string
		perRow int64
		target int64
		rows   int64 // in all
		want   []string
	}{
		{"nothing", 1, 1 << 40, interval, []string{"close 0 @4096"}},
		{"rows of a group", 1, 1 << 40, maxGroupRows + interval, []string{"flush 0 @1048576", "close 0 @1052672"}},
		{"bytes of a group", maxGroupBytes / interval / 2, 1 << 40, 5 * interval, []string{"flush 0 @8192", "flush 0 @16384", "close 0 @20480"}},
		{"a file", 100, 3 * interval * 100, 7 * interval, []string{"close 0 @12288", "close 1 @24576", "close 2 @28672"}},
		{"a file that ends with the rows", 100, 3 * interval * 100, 3 * interval, []string{"close 0 @12288"}},
		{"a file of several groups", maxGroupBytes / interval, 2 * maxGroupBytes, 4 * interval, []string{"flush 0 @4096", "close 0 @8192", "flush 1 @12288", "close 1 @16384"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newRecorder()
			f.perRow = test.perRow
			o := f.options(nil, table(t, "detections"))
			o.TargetFileSize = test.target
			b := newRowsBatch()
			for range test.rows / interval {
				b.add("", interval, 0)
			}
			files, err := convert(New(o), b.Batch)
			if err != nil {
				t.Fatal(err)
			}
			f.checkFiles(t, files)
			var got []string
			for _, e := range f.events["detections"] {
				e = strings.ReplaceAll(e, "detections/part-", "")
				got = append(got, strings.ReplaceAll(e, ".fake", ""))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

// When the open row groups exceed the memory, the largest end, and no more than needed.
func TestMemory(t *testing.T) {
	f := newRecorder()
	o := f.options([]PartitionKey{ByAccount}, table(t, "results"), table(t, "detections"))
	o.Memory = 2 * 1500 * 100 // 1,500 rows per table
	b := newRowsBatch()
	for _, part := range []struct {
		account string
		rows    int
	}{{"a", 700}, {"b", 2000}, {"c", 1000}, {"d", 396}} {
		for range part.rows {
			b.add(part.account, 0, 0)
		}
	}
	if err := New(o).Write(0, b.Batch); err != nil {
		t.Fatal(err)
	}
	// Of 4,096 rows, 2,096 are left without b, and 1,096 also without c.
	want := []string{"flush results/p_account=b/part-0.fake @4096", "flush results/p_account=c/part-0.fake @4096"}
	if got := f.events["results"]; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestNoMemory(t *testing.T) {
	f := newRecorder()
	o := f.options(nil, resultsOnly(t)...)
	o.Memory = 0
	b := newRowsBatch()
	for range 10_000 {
		b.add("", 0, 0)
	}
	files, err := convert(New(o), b.Batch)
	if err != nil {
		t.Fatal(err)
	}
	f.checkFiles(t, files)
}

// Each call that can fail fails in turn. The sink returns its error, and after Abort
// each file is committed or aborted.
func TestFaults(t *testing.T) {
	b := newRowsBatch()
	for i := range 6 {
		for range 1500 {
			b.add(string(rune('a'+i%3)), 1, 0)
		}
	}
	run := func(fault int) (*recorder, *Sink, []File, error) {
		f := newRecorder()
		f.fault = fault
		o := f.options([]PartitionKey{ByAccount}, table(t, "results"), table(t, "detections"))
		o.TargetFileSize, o.Memory = 2000*100, 2*1500*100
		s := New(o)
		files, err := convert(s, b.Batch)
		return f, s, files, err
	}
	whole, _, files, err := run(0)
	if err != nil {
		t.Fatal(err)
	}
	whole.checkFiles(t, files)
	if len(whole.outputs) < 8 || !strings.Contains(fmt.Sprint(whole.events), "flush") {
		t.Fatal("too few rows for several row groups and files")
	}
	for fault := 1; fault <= whole.calls; fault++ {
		f, s, _, err := run(fault)
		if !errors.Is(err, errFault) {
			t.Fatalf("call %d fails: %v", fault, err)
		}
		if !strings.Contains(err.Error(), "/p_account=") {
			t.Errorf("call %d fails: %v doesn't name the file", fault, err)
		}
		if err := s.Abort(); err != nil {
			t.Errorf("abort after call %d failed: %v", fault, err)
		}
		for _, out := range f.outputs {
			if out.committed == out.aborted {
				t.Errorf("after call %d failed, %s is committed: %v, aborted: %v", fault, out.path, out.committed, out.aborted)
			}
		}
		if err := s.Abort(); err != nil { // a second Abort does nothing
			t.Errorf("second abort after call %d failed: %v", fault, err)
		}
	}
}

// If aborting one file fails, the other files are aborted all the same.
func TestAbortErrors(t *testing.T) {
	var aborted int
	f := newRecorder()
	o := f.options([]PartitionKey{ByAccount}, resultsOnly(t)...)
	o.Create = func(path string) (Output, error) {
		out, err := f.create(path)
		return &brokenAbort{Output: out, aborted: &aborted}, err
	}
	o.Format = emptyFormat{}
	b := newRowsBatch()
	b.add("a", 0, 0)
	b.add("b", 0, 0)
	s := New(o)
	if err := s.Write(0, b.Batch); err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(); !errors.Is(err, errFault) || aborted != 2 {
		t.Errorf("%v after %d aborts", err, aborted)
	}
}

// brokenAbort is an Output whose Abort fails.
type brokenAbort struct {
	Output
	aborted *int
}

func (o *brokenAbort) Abort() error {
	*o.aborted++
	return errFault
}

// emptyFormat writes nothing.
type emptyFormat struct{}

func (emptyFormat) Extension() string { return ".nothing" }

func (emptyFormat) NewEncoder(w io.Writer, t *schema.Table) (Encoder, error) {
	return &fakeEncoder{f: newRecorder(), w: w, table: t}, nil
}
