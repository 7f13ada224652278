package lake_test

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store/storetest"
)

// inRuns is a dataset in S3 of so many runs, each of a source with one line, on a
// server that takes its time for each request.
func inRuns(t *testing.T, runs int) (server *s3test.Objects, out *s3store.Store) {
	t.Helper()
	dir := t.TempDir()
	for i := range runs {
		line := fmt.Sprintf(`{"id":"%d","accountId":"111122223333","createdAt":"2026-01-01T00:00:00Z","classificationDetails":{"result":{"status":{"code":"COMPLETE"}}}}`+"\n", i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.jsonl", i)), []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	memory := storetest.NewMemory("memory")
	_, err := convert.Run(t.Context(), convert.Options{
		Inputs: []string{dir}, Origins: []input.Origin{input.Local{}}, Out: memory, TableFormat: "parquet",
		Tables: []string{"results", "detections", "occurrences"}, Compression: "zstd", TargetFileSize: 64 << 20, PartSize: 64 << 20,
		MaxSources: 1, Workers: 2, MaxRejects: -1, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string][]byte{}
	err = memory.List(t.Context(), ".", func(name string, _ fs.FileInfo) error {
		f, err := memory.Open(t.Context(), name)
		if err != nil {
			return err
		}
		defer f.Close()
		objects["out/"+name], err = io.ReadAll(f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	server = s3test.StartObjects(t, objects, latency)
	c := s3.New(s3test.Config(server.URL, awsclient.Options{}), s3.Options{PathStyle: true})
	out, err = s3store.Open(t.Context(), c, "s3://lake/out", s3.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return server, out
}

// judge fails where what f does takes longer than a limit. On a machine where it
// takes long without any latency, too, its time says nothing.
func judge(t *testing.T, server *s3test.Objects, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	took := time.Since(start)
	server.SetDelay(0)
	start = time.Now()
	f()
	without := time.Since(start)
	t.Logf("%v, without latency %v", took, without)
	if took > limit && without < limit/4 {
		t.Errorf("took %v", took)
	}
}

// latency is that of a request to S3 from the same Region, and somewhat more.
const latency = 30 * time.Millisecond

// Many small runs cost a request for each end record and each file that is read,
// and wait for them side by side.
func TestManySmallRuns(t *testing.T) {
	const runs = 60
	server, out := inRuns(t, runs)
	var l *lake.Lake
	var counts string
	var gets, heads int
	judge(t, server, 3*time.Second, func() {
		var err error
		if l, err = lake.Open(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		var rows atomic.Int64
		err = lake.Scan(t.Context(), l, lake.Query{Table: "results", Columns: []string{"result_id"}, Workers: 2},
			func(_ int, batch arrow.RecordBatch) (struct{}, error) {
				defer batch.Release()
				rows.Add(batch.NumRows())
				return struct{}{}, nil
			}, func(struct{}) error { return nil })
		if err != nil || rows.Load() != runs {
			t.Fatalf("%d rows, %v", rows.Load(), err)
		}
		gets, heads = server.Seen("GetObject"), server.Seen("HeadObject")
		counts = fmt.Sprintf("%d GETs, %d HEADs, %d listings", gets, heads, server.Seen("ListObjectsV2"))
	})
	files := len(l.Files("results"))
	t.Logf("%d runs: %s", runs, counts)
	if most := (runs+files)*12/10 + 10; gets > most || heads > 2 {
		t.Errorf("%s for %d end records and %d files; at most %d GETs", counts, runs, files, most)
	}
}

// Opening a dataset of many runs waits for a few rounds of requests.
func TestOpenManyRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a thousand runs")
	}
	const runs = 1000
	server, out := inRuns(t, runs)
	judge(t, server, 2*time.Second, func() {
		l, err := lake.Open(t.Context(), out)
		if err != nil || len(l.Files("results")) != runs {
			t.Fatal(err)
		}
		gets := server.Seen("GetObject")
		t.Logf("%d runs: %d GETs, %d HEADs, %d listings", runs, gets, server.Seen("HeadObject"), server.Seen("ListObjectsV2"))
		if gets > runs*12/10+10 {
			t.Errorf("%d GETs", gets)
		}
	})
}
