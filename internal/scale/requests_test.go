package scale_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/stream"
)

// filesPerPart is how many files each part of an estate publishes: one of each table,
// and its rejects.
const filesPerPart = 4

// estate is a dataset in S3 with one planned run whose parts have one local source
// each: all requests are the dataset's.
type estate struct {
	server *s3test.Strict
	in     string
	parts  int
	log    *slog.Logger
}

func newEstate(t testing.TB, parts int) *estate {
	t.Helper()
	e := &estate{server: s3test.StartStrict(t), in: t.TempDir(), parts: parts, log: slog.New(slog.DiscardHandler)}
	dir := filepath.Join(e.in, "AWSLogs", "111122223333", "Macie", "us-east-1", "0123456789abcdef0123456789abcdef", "111122223333")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range parts {
		line := fmt.Sprintf(`{"id":"%d","createdAt":"2026-01-01T00:00:00Z","classificationDetails":{"result":{"sensitiveData":[{"category":"PERSONAL_INFORMATION","detections":[`+
			`{"type":"NAME","count":1,"occurrences":{"cells":[{"row":1,"column":2}]}}]}]}}}`+"\n{\n", i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%08x-0000-4000-8000-000000000000.jsonl.gz", i)), zipped(t, line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// open opens the dataset's store as a process does that has just begun.
func (e *estate) open(t testing.TB) store.Store {
	t.Helper()
	backoff := awsclient.Backoff{Base: time.Millisecond, Max: 10 * time.Millisecond}
	client := s3.New(s3test.Config(e.server.URL, awsclient.Options{Backoff: backoff}), s3.Options{PathStyle: true, Backoff: backoff})
	s, err := s3store.Open(t.Context(), client, "s3://lake/dataset", s3.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (e *estate) options(t testing.TB) convert.Options {
	return convert.Options{
		Inputs: []string{e.in}, Origins: []input.Origin{input.Local{}}, Out: e.open(t),
		TableFormat: "parquet", Tables: []string{"results", "detections", "occurrences"}, Compression: "none",
		TargetFileSize: 1 << 20, PartSize: 1, MaxSources: 1_000_000, Workers: 2, Limits: stream.DefaultLimits(),
		MaxRejects: -1, Version: "test", Log: e.log,
	}
}

func (e *estate) plan(t testing.TB) {
	t.Helper()
	o := e.options(t)
	o.PlanOnly, o.NoWait = true, true
	s, err := convert.Run(t.Context(), o)
	if err != nil || len(s.Planned) != 1 || s.Planned[0].Parts != e.parts {
		t.Fatalf("planned %+v, %v", s.Planned, err)
	}
}

func (e *estate) steps(t testing.TB) convert.StepOptions {
	return convert.StepOptions{Dataset: e.open(t), Origins: []input.Origin{input.Local{}}, Workers: 2, Log: e.log}
}

func (e *estate) work(t testing.TB) {
	t.Helper()
	if _, err := convert.Work(t.Context(), e.steps(t)); err != nil {
		t.Fatal(err)
	}
}

func (e *estate) commit(t testing.TB) {
	t.Helper()
	if _, err := convert.Commit(t.Context(), e.steps(t)); err != nil {
		t.Fatal(err)
	}
}

// below counts the objects below a directory of the dataset.
func (e *estate) below(dir string) int {
	n := 0
	for _, key := range e.server.Keys() {
		if strings.HasPrefix(key, "dataset/"+dir+"/") {
			n++
		}
	}
	return n
}

// checkPublished checks that every file is where readers look, and none in staging.
func (e *estate) checkPublished(t testing.TB) {
	t.Helper()
	for _, dir := range []string{"results", "detections", "occurrences", state.RejectsDir} {
		if n := e.below(dir); n != e.parts {
			t.Errorf("%d files in %s, want %d", n, dir, e.parts)
		}
	}
	if n := e.below(state.StagingDir); n != 0 {
		t.Errorf("%d files are left in staging", n)
	}
}

func total(seen map[string]int) int {
	n := 0
	for _, m := range seen {
		n += m
	}
	return n
}

// counted are the requests of each step on a run.
type counted struct{ plan, work, commit, again map[string]int }

func count(t *testing.T, parts int) counted {
	t.Helper()
	e := newEstate(t, parts)
	var c counted
	for _, step := range []struct {
		do   func(testing.TB)
		into *map[string]int
	}{{e.plan, &c.plan}, {e.work, &c.work}, {e.commit, &c.commit}, {func(t testing.TB) {
		t.Helper()
		if s, err := convert.Run(t.Context(), e.options(t)); err != nil || len(s.Runs) > 0 {
			t.Fatalf("converting again: %+v, %v", s, err)
		}
	}, &c.again}} {
		e.server.SetDelay(0)
		step.do(t)
		*step.into = e.server.Seen()
	}
	e.checkPublished(t)
	return c
}

// What a part costs is the difference of two runs that differ in their parts alone,
// and what a run costs is the rest. docs/scale.md has these figures.
func TestRequests(t *testing.T) {
	const few, many = 40, 140
	a, b := count(t, few), count(t, many)
	for _, step := range []struct {
		name             string
		few, many        map[string]int
		perPart          map[string]int // exactly
		perRun, moreThan int            // bounds on the rest: a lease may be renewed
	}{
		{"plan", a.plan, b.plan, map[string]int{}, 40, 5},
		{"work", a.work, b.work, map[string]int{"PutObject": filesPerPart + 2, "GetObject": 2, "HeadObject": 1, "DeleteObjects": 1}, 40, 5},
		{"commit", a.commit, b.commit, map[string]int{"CopyObject": filesPerPart, "GetObject": 1}, 50, 5},
		{"convert again", a.again, b.again, map[string]int{}, 30, 5},
	} {
		t.Logf("%s: %v for %d parts, %v for %d", step.name, step.few, few, step.many, many)
		fixed := 0
		for _, op := range []string{"GetObject", "HeadObject", "PutObject", "CopyObject", "ListObjectsV2", "DeleteObjects"} {
			each := float64(step.many[op]-step.few[op]) / (many - few)
			if want := float64(step.perPart[op]); each < want-0.05 || each > want+0.05 {
				t.Errorf("%s: %.2f requests %s per part, want %v", step.name, each, op, want)
			}
			fixed += step.few[op] - few*step.perPart[op]
		}
		if fixed > step.perRun {
			t.Errorf("%s: %d requests besides those of parts, want at most %d", step.name, fixed, step.perRun)
		}
	}
}

// Publishing takes one copy per file and little else: at most 1.1 requests per file
// besides reading each receipt once. MACIELAKE_SCALE_PARTS and MACIELAKE_SCALE_DELAY
// make it a measurement.
func TestPublishing(t *testing.T) {
	parts, delay := 300, time.Duration(0)
	if text := os.Getenv("MACIELAKE_SCALE_PARTS"); text != "" {
		var err error
		if parts, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
		if delay, err = time.ParseDuration(os.Getenv("MACIELAKE_SCALE_DELAY")); err != nil {
			t.Fatal(err)
		}
	}
	e := newEstate(t, parts)
	e.plan(t)
	e.work(t)
	e.server.SetDelay(delay)
	started := time.Now()
	e.commit(t)
	took, seen := time.Since(started), e.server.Seen()
	files := parts * filesPerPart
	t.Logf("%d parts, %d files, %v per request: %.1f s, %v", parts, files, delay, took.Seconds(), seen)
	if n := total(seen) - parts; float64(n) > 1.1*float64(files) {
		t.Errorf("%d requests for %d files, besides one per receipt", n, files)
	}
	if delay > 0 && took > 2*time.Minute {
		t.Errorf("it took %v", took)
	}
	e.checkPublished(t)
	// Committing again publishes nothing.
	e.server.SetDelay(0)
	e.commit(t)
	if seen := e.server.Seen(); seen["CopyObject"] > 0 || total(seen) > 20 {
		t.Errorf("committing again took %v", seen)
	}
	e.checkPublished(t)
}

// A commit that finds a staged file gone stops before its first copy and names it.
func TestMissingStagedFile(t *testing.T) {
	e := newEstate(t, 300) // more files than a page of a listing has
	e.plan(t)
	e.work(t)
	var staged []string
	for _, key := range e.server.Keys() {
		if strings.HasPrefix(key, "dataset/"+state.StagingDir+"/") {
			staged = append(staged, key)
		}
	}
	for _, i := range []int{0, 999, 1000, len(staged) - 1} {
		e := &estate{server: e.server, in: e.in, parts: e.parts, log: e.log}
		name := strings.TrimPrefix(staged[i], "dataset/")
		kept := e.server.Take(staged[i])
		e.server.SetDelay(0)
		_, err := convert.Commit(t.Context(), e.steps(t))
		spoiled := (*run.SpoiledError)(nil)
		if !errors.As(err, &spoiled) || !errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(spoiled.Name, name) {
			t.Fatalf("without staged file %d: %v", i, err)
		}
		if n := e.server.Seen()["CopyObject"]; n > 0 {
			t.Errorf("without staged file %d: %d copies", i, n)
		}
		kept()
	}
	e.commit(t)
	e.checkPublished(t)
}

// Tasks that work on one run side by side look for parts that are left by listing
// receipts, not by asking for each part that another task has converted.
func TestRequestsOfTasks(t *testing.T) {
	const parts, tasks = 400, 8
	e := newEstate(t, parts)
	e.plan(t)
	e.server.SetDelay(2 * time.Millisecond)
	var group errgroup.Group
	for i := range tasks {
		o := e.steps(t)
		o.Workers, o.Index, o.Of = 1, i, tasks
		group.Go(func() error {
			_, err := convert.Work(t.Context(), o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	seen := e.server.Seen()
	perPart := float64(total(seen)) / parts
	t.Logf("%d tasks on %d parts: %.1f requests per part, %v", tasks, parts, perPart, seen)
	if perPart > 12 {
		t.Errorf("%.1f requests per part", perPart)
	}
	if n := e.below(state.ReceiptsDir); n != parts {
		t.Errorf("%d receipts", n)
	}
	e.commit(t)
	e.checkPublished(t)
}
