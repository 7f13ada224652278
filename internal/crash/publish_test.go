package crash_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/state"
)

// A commit takes little more than one request per file: a copy. Listing and removing
// staged files take one request per thousand files. With MACIELAKE_PARTS=10000 the test
// measures the time, with 50 ms of latency per request.
func TestS3RequestsOfCommit(t *testing.T) {
	parts, delay := 40, time.Duration(0)
	if n, err := strconv.Atoi(os.Getenv("MACIELAKE_PARTS")); err == nil {
		parts, delay = n, 50*time.Millisecond
	}
	server := startS3(t)
	proxy := s3test.NewProxy(t, server)
	w := newWorld(t, filepath.Join(tempDir(t), "in"))
	for i := range parts {
		w.add(t, fmt.Sprintf("region-%05d", i), i, 9)
	}
	direct := opener(t, server.URL+"/lake/out")()
	defer direct.Close()
	o := newOptions(w, direct)
	o.PlanOnly, o.NoWait = true, true // a part has one Region: files of three tables, and rejects
	if _, err := convert.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := workParts(t.Context(), w, direct, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	s := opener(t, proxy.URL+"/lake/out")()
	defer s.Close()
	ops := []string{"CopyObject", "HeadObject", "ListObjectsV2", "DeleteObjects"}
	// The server below ignores the condition of a copy, which S3 checks.
	var copied sync.Map
	late := s3test.Delay(delay)
	proxy.Script(s3test.Fault{
		Match: func(*http.Request) bool { return true },
		Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			if s3test.Op(r) == "CopyObject" && r.Header.Get("If-None-Match") == "*" {
				if _, there := copied.LoadOrStore(r.URL.Path, true); there {
					s3test.Answer(http.StatusPreconditionFailed, "PreconditionFailed", "the key is taken")(w, r, forward)
					return
				}
			}
			late(w, r, forward)
		},
	})
	began := time.Now()
	if err := commitRuns(t.Context(), w, s, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	files, all, counts := 4*parts, 0, map[string]int{}
	for _, op := range ops {
		counts[op] = proxy.Seen(op)
		all += counts[op]
	}
	t.Logf("%d parts, %d files: %v, %.3f requests per file, %.1f s", parts, files, counts, float64(all)/float64(files), took.Seconds())
	// Opening a dataset takes a few listings, whatever the size of the run.
	const opening = 40
	if counts["CopyObject"] < files || counts["CopyObject"] > files+5 || all > files*11/10+opening || counts["DeleteObjects"] > files/1000+5 {
		t.Errorf("%d files: %v", files, counts)
	}
	if err := direct.List(t.Context(), state.StagingDir, func(name string, _ os.FileInfo) error {
		t.Errorf("%s is left", name)
		return nil
	}); err != nil {
		t.Error(err)
	}
	if delay == 0 {
		mend(t, "committed", child{In: w.dir, Out: server.URL + "/lake/out"}, w.want)
	}
}
