package convert

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// newOut returns a place for a dataset that isn't there yet.
func newOut(t testing.TB) store.Store { return openOut(t, filepath.Join(t.TempDir(), "lake")) }

// openOut opens a place for a dataset.
func openOut(t testing.TB, dir string) store.Store {
	t.Helper()
	out, err := store.CreateLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out
}

// stdinOrigin are the origins of the command, with a standard input.
func stdinOrigin(stdin io.Reader) []input.Origin {
	return []input.Origin{input.NewStdin(stdin), input.Local{}}
}

// testOptions are the command's defaults, with two workers and an output that
// isn't there yet.
func testOptions(t testing.TB, inputs ...string) Options {
	t.Helper()
	return Options{
		Inputs: inputs, Origins: stdinOrigin(strings.NewReader("")), Out: newOut(t),
		TableFormat: "parquet", Tables: []string{"results", "detections", "occurrences"},
		PartitionBy: []sink.PartitionKey{sink.ByCreatedMonth}, Compression: "zstd",
		TargetFileSize: 256 << 20, PartSize: 64 << 20, MaxSources: 1_000_000, Workers: 2, Limits: stream.DefaultLimits(),
		RejectRaw: true, MaxRejects: -1, Version: "test", Progress: &run.Progress{}, Log: slog.New(slog.DiscardHandler),
	}
}

// convertAll runs the converter, which must not fail, and checks what holds for
// every run that ends well.
func convertAll(t testing.TB, o Options) *Summary {
	t.Helper()
	s, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	checkDataset(t, o.Out.URI("."), s)
	return s
}

// checkDataset checks that a dataset's state adds up, that its files are what
// the receipts say, and that nothing else is there.
func checkDataset(t testing.TB, out string, s *Summary) {
	t.Helper()
	r := firstRun(t, out)
	at := r.Address()
	known := map[string]bool{
		"_macielake/dataset.json": true, "_macielake/probe.json": true, "_macielake/ledger/000001-000001.bin": true,
		state.ClaimName(&r.Dataset, 1): true, "_macielake/runs/" + at.String() + ".end.json": true,
	}
	for _, p := range r.Segments {
		known["_macielake/plans/"+p.SHA256+".jsonl.gz"] = true
	}
	var objects, lines, records, filtered, rejectedLines, rejectedObjects, unreadable, blank, stored, inflated, written int64
	rows := map[string]int64{}
	for part, r := range readReceipts(t, out) {
		known[fmt.Sprintf("_macielake/receipts/%s/%05d.json", at, part)] = true
		if r.Part != part || !strings.HasPrefix(r.RunID, "000001-") || r.Attempt == "" {
			t.Errorf("part %d: receipt of part %d of run %s, attempt %q", part, r.Part, r.RunID, r.Attempt)
		}
		rejects := int64(0)
		for _, o := range r.Sources {
			objects++
			stored += o.Stored
			inflated += o.Inflated
			rejects += o.Rejects
			switch o.State {
			case "converted":
				if o.Lines != o.Records+o.Rejects+o.Blank || o.Blank < 0 || o.Filtered > o.Records || o.Class != "" || o.Error != "" {
					t.Errorf("doesn't add up: %+v", o)
				}
				lines += o.Lines
				records += o.Records
				filtered += o.Filtered
				rejectedLines += o.Rejects
				blank += o.Blank
			case "rejected":
				rejects++
				rejectedObjects++
				if o.Lines+o.Records+o.Rejects+o.Blank != 0 || o.Class == "" {
					t.Errorf("lines of a rejected object: %+v", o)
				}
			case "unreadable":
				unreadable++
				if o.Lines+o.Records+o.Rejects+o.Blank != 0 || o.Error == "" {
					t.Errorf("lines of an unreadable object: %+v", o)
				}
			default:
				t.Errorf("state %q", o.State)
			}
		}
		if (rejects > 0) != (r.Rejects != nil) {
			t.Errorf("part %d has %d rejects in file %+v", part, rejects, r.Rejects)
		}
		if rejects > 0 {
			name := state.RejectsName(at, part)
			known[name] = true
			if n := int64(len(readRejects(t, filepath.Join(out, name)))); n != rejects {
				t.Errorf("%s has %d rejects, the receipt %d", name, n, rejects)
			}
		}
		for _, f := range r.Files {
			known[f.Path] = true
			data, err := os.ReadFile(filepath.Join(out, f.Path))
			if err != nil {
				t.Error(err)
				continue
			}
			sum := sha256.Sum256(data)
			if int64(len(data)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
				t.Errorf("%s isn't as its receipt says", f.Path)
			}
			if f.Rows == 0 || !strings.HasPrefix(f.Path, f.Table+"/") {
				t.Errorf("receipt has %+v", f)
			}
			rows[f.Table] += f.Rows
			written += f.Bytes
		}
	}
	for _, x := range []struct {
		what      string
		got, want int64
	}{
		{"objects", s.Sources.Converted + s.Sources.Rejected + s.Sources.Unreadable, objects},
		{"sources of the run", r.Sources, objects},
		{"unreadable", s.Sources.Unreadable, unreadable},
		{"rejected objects", s.Sources.Rejected, rejectedObjects},
		{"rejected objects", s.Rejects.Sources, rejectedObjects},
		{"rejected lines", s.Rejects.Lines, rejectedLines},
		{"lines", s.Lines, lines},
		{"records", s.Records, records},
		{"blank", s.Blank, blank},
		{"filtered", s.Filtered, filtered},
		{"stored bytes", s.Bytes.Stored, stored},
		{"inflated bytes", s.Bytes.Inflated, inflated},
		{"written bytes", s.Bytes.Written, written},
	} {
		if x.got != x.want {
			t.Errorf("summary: %s: %d, receipts and state: %d", x.what, x.got, x.want)
		}
	}
	for table, n := range s.Rows {
		if rows[table] != n {
			t.Errorf("%s: summary has %d rows, receipts %d", table, n, rows[table])
		}
	}
	if n, ok := s.Rows["results"]; ok && n != records-filtered {
		t.Errorf("%d results of %d records, %d filtered", n, records, filtered)
	}
	byClass := int64(0)
	for _, n := range s.Rejects.ByClass {
		byClass += n
	}
	if byClass != rejectedLines+rejectedObjects {
		t.Errorf("%d rejects by class, %d in all", byClass, rejectedLines+rejectedObjects)
	}
	for _, name := range files(t, out) {
		if !known[name] && !strings.HasPrefix(name, "runs/"+at.String()+".") && !strings.HasPrefix(name, "_macielake/looks/") {
			t.Errorf("%s is there", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, "_macielake/staging/*")); len(left) > 0 {
		t.Errorf("left in staging: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "_macielake/leases/*")); len(left) > 0 {
		t.Errorf("left of leases: %v", left)
	}
	modes(t, out)
}

// modes checks that a dataset's state is its owner's alone.
func modes(t testing.TB, out string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(out, store.StateDir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if want := fs.FileMode(0o600); !d.IsDir() && info.Mode() != want || d.IsDir() && info.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// files lists a directory's files, sorted; none if it isn't there.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

// tableSums lists the files of a dataset's tables and rejects with their hashes,
// without the parts of their names that differ between runs.
func tableSums(t testing.TB, out string) string {
	t.Helper()
	var list strings.Builder
	for _, name := range files(t, out) {
		n := state.ParseName(name)
		if n.Kind != state.TableFile && n.Kind != state.RejectFile {
			continue
		}
		data, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%s %x\n", strings.ReplaceAll(name, n.Address.Nonce, "NONCE"), sha256.Sum256(data))
	}
	return list.String()
}

// firstRun reads what the state has of the first run.
func firstRun(t testing.TB, out string) *state.RunState {
	t.Helper()
	_, runs, err := state.Open(context.Background(), openOut(t, out), state.Everything)
	if err != nil || len(runs) == 0 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	return &runs[0]
}

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.DisallowUnknownFields()
		err = dec.Decode(v)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func readReceipts(t testing.TB, out string) []*state.Receipt {
	t.Helper()
	s, run := openOut(t, out), firstRun(t, out)
	receipts := make([]*state.Receipt, run.Parts)
	for part := range receipts {
		receipt, sum, err := state.LoadReceipt(context.Background(), s, run.Run, part)
		if err != nil || run.Committed() && sum != run.End.Parts[part].Receipt {
			t.Fatalf("receipt of part %d: %s, %v", part, sum, err)
		}
		receipts[part] = receipt
	}
	return receipts
}

// readRejects reads the rejects in the files.
func readRejects(t testing.TB, names ...string) []state.Reject {
	t.Helper()
	var rejects []state.Reject
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var r state.Reject
			dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&r); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			rejects = append(rejects, r)
		}
		if err := lines.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f.Close()
	}
	return rejects
}

// allRejects reads all rejects of a dataset, by part.
func allRejects(t testing.TB, out string) []state.Reject {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(out, "_macielake/rejects/*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return readRejects(t, names...)
}

func zipped(data []byte) []byte {
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	zw.Write(data) // a bytes.Buffer takes everything
	zw.Close()
	return out.Bytes()
}

// gzipStored is zipped without compression: the size depends on that of data alone.
func gzipStored(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	zw.Write(data) // a bytes.Buffer takes everything
	zw.Close()
	return out.Bytes()
}

// write makes files below a new directory, and gives them one time.
func write(t testing.TB, contents map[string][]byte) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "in")
	at := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	for name, data := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sample writes a sample of the generator.
func sample(t testing.TB, o gen.Options) (string, gen.Expected) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "sample")
	}
	e, err := gen.Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return o.Dir, e
}

// lines makes n records with distinct ids and text that hardly compresses.
func lines(from, n int) []byte {
	var out bytes.Buffer
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&out, `{"id":"r%d","title":"%x","createdAt":"2026-%02d-01T00:00:00Z"}`+"\n", i, sha256.Sum256([]byte(fmt.Sprint(i))), 1+i%3)
	}
	return out.Bytes()
}

// noLeaks fails if there are more goroutines at the test's end than now.
func noLeaks(t testing.TB) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for deadline := time.Now().Add(2 * time.Second); ; time.Sleep(time.Millisecond) {
			n := runtime.NumGoroutine()
			if n <= before {
				return
			}
			if time.Now().After(deadline) {
				stacks := make([]byte, 1<<16)
				t.Errorf("%d goroutines more than before:\n%s", n-before, stacks[:runtime.Stack(stacks, true)])
				return
			}
		}
	})
}

// failure is a reader that fails after some bytes.
type failure struct {
	r   io.Reader
	err error
}

func (f *failure) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err == io.EOF {
		err = f.err
	}
	return n, err
}

func symlink(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
}
