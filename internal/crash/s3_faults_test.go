package crash_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// isWrite matches all requests that change the bucket lake.
func isWrite(r *http.Request) bool {
	return r.Method != http.MethodGet && r.Method != http.MethodHead && strings.HasPrefix(r.URL.Path, "/lake/")
}

// isClaim matches the requests that create claims.
func isClaim(r *http.Request) bool {
	_, name, ok := strings.Cut(r.URL.Path, "/"+store.StateDir+"/")
	return ok && s3test.Op(r) == "PutObject" && state.ParseName(path.Join(store.StateDir, name)).Kind == state.ClaimFile
}

// slowDown answers as S3 does when it is overloaded.
func slowDown() func(http.ResponseWriter, *http.Request, http.Handler) {
	return s3test.Answer(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
}

// convertOnce converts once, in this process.
func convertOnce(ctx context.Context, c child) error {
	s, err := openStore(c.Out)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = convert.Run(ctx, c.options(s))
	return err
}

// largeWorld returns a world with a source whose file of results needs a multipart
// upload.
func largeWorld(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(t, dir)
	path := filepath.Join(w.dir, "large.jsonl")
	var lines bytes.Buffer
	r := rand.NewChaCha8([32]byte{7})
	title := make([]byte, 64<<10)
	for i := range 80 {
		r.Read(title)
		fmt.Fprintf(&lines, `{"id":"%d","title":"%s","createdAt":"2026-01-01T00:00:00Z"}`+"\n", i, hex.EncodeToString(title))
		w.want[rowKey("results", path, int64(i+1))]++
	}
	if err := os.WriteFile(path, lines.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return w
}

// Requests that write are refused, or are executed and their responses lost. If that is
// temporary, a converter succeeds; if it persists, the converter fails and the next one
// resumes.
func TestS3EveryFault(t *testing.T) {
	server := startS3(t)
	proxy := s3test.NewProxy(t, server)
	dir := tempDir(t)
	small := regionsWorld(t, filepath.Join(dir, "small"), "eu-west-1", "us-east-1")
	large := largeWorld(t, filepath.Join(dir, "large"))
	stride, few := 31, 3
	if isLong() {
		stride, few = 1, 1
	}
	for i, test := range []struct {
		name   string
		w      *world
		match  func(*http.Request) bool
		do     func(http.ResponseWriter, *http.Request, http.Handler)
		stride int // distance between the requests that are spoiled
	}{
		{"slow down", small, isWrite, slowDown(), stride},
		{"lost", small, isWrite, s3test.Lose(), stride},
		{"dataset.json lost", small, s3test.IsOp("PutObject", "/dataset.json"), s3test.Lose(), few},
		{"claim lost", small, isClaim, s3test.Lose(), few},
		{"claim refused", small, isClaim, slowDown(), few},
		{"receipt lost", small, s3test.IsOp("PutObject", "/receipts/"), s3test.Lose(), few},
		{"receipt refused", small, s3test.IsOp("PutObject", "/receipts/"), slowDown(), few},
		{"copy lost", small, s3test.IsOp("CopyObject", ""), s3test.Lose(), stride},
		{"end record lost", small, s3test.IsOp("PutObject", ".end.json"), s3test.Lose(), few},
		{"end record refused", small, s3test.IsOp("PutObject", ".end.json"), slowDown(), few},
		{"piece lost", large, s3test.IsOp("UploadPart", ""), s3test.Lose(), stride},
		{"upload lost", large, s3test.IsOp("CompleteMultipartUpload", ""), s3test.Lose(), few},
		{"upload refused", large, s3test.IsOp("CompleteMultipartUpload", ""), slowDown(), few},
	} {
		t.Run(test.name, func(t *testing.T) {
			cases := 0
			for _, times := range []int{1, 0} {
				for skip := 0; !t.Failed(); skip += test.stride {
					var met atomic.Bool
					proxy.Script(s3test.Fault{
						Match: test.match, Skip: skip, Times: times,
						Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
							met.Store(true)
							test.do(w, r, forward)
						},
					})
					c := child{In: test.w.dir, Out: fmt.Sprintf("%s/lake/%d-%d-%d", proxy.URL, i, times, skip)}
					err := convertOnce(t.Context(), c)
					if !met.Load() {
						break
					}
					cases++
					proxy.Script()
					what := fmt.Sprintf("request %d and %d in all (0 for all that follow)", skip+1, times)
					if times == 1 && err != nil {
						t.Errorf("%s: %v", what, err)
					}
					mend(t, what, c, test.w.want)
				}
			}
			t.Logf("%d cases", cases)
			if cases < 2 {
				t.Error("too few cases")
			}
			report(t, "dataset in S3", cases)
		})
	}
	t.Run("for a while", func(t *testing.T) {
		proxy.Script(s3test.Fault{Match: isWrite, Skip: 5, Until: 50 * time.Millisecond, Do: slowDown()})
		c := child{In: small.dir, Out: proxy.URL + "/lake/while"}
		if err := convertOnce(t.Context(), c); err != nil {
			t.Error(err)
		}
		mend(t, "for a while", c, small.want)
	})
}

// Leases that can neither be read nor removed delay the next converter until they expire,
// and no longer.
func TestS3UnreadableLease(t *testing.T) {
	w := regionsWorld(t, filepath.Join(tempDir(t), "in"), "eu-west-1", "us-east-1")
	denied := s3test.Fault{Match: s3test.IsOp("DeleteObjects", ""), Do: s3test.Answer(http.StatusForbidden, "AccessDenied", "Access Denied")}
	proxy := s3test.NewProxy(t, startS3(t), denied, s3test.Fault{Match: s3test.IsOp("PutObject", "/receipts/"), Do: slowDown()})
	c := child{In: w.dir, Out: proxy.URL + "/lake/out"}
	if err := convertOnce(t.Context(), c); err == nil {
		t.Fatal("it succeeded without receipts")
	}
	proxy.Script(denied, s3test.Fault{Match: s3test.IsOp("GetObject", "/leases/"), Do: s3test.Flip()})
	mend(t, "unreadable leases", c, w.want)
	if proxy.Seen("GetObject") == 0 {
		t.Error("no lease was read")
	}
}

// A converter that is interrupted during a request, which the server still executes,
// leaves no lease that the next one would have to wait for.
func TestS3InterruptedLeavesNoLease(t *testing.T) {
	w := regionsWorld(t, filepath.Join(tempDir(t), "in"), "eu-west-1", "us-east-1")
	proxy := s3test.NewProxy(t, startS3(t))
	stride := 3
	if isLong() {
		stride = 1
	}
	cases := 0
	for skip := 0; !t.Failed(); skip += stride {
		ctx, cancel := context.WithCancel(t.Context())
		proxy.Script(s3test.Fault{Match: isWrite, Skip: skip, Times: 1, Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			s3test.Lose()(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				forward.ServeHTTP(w, r)
				cancel()
			}))
		}})
		c := child{In: w.dir, Out: fmt.Sprintf("%s/lake/%d", proxy.URL, skip)}
		err := convertOnce(ctx, c)
		interrupted := ctx.Err() != nil
		cancel()
		if !interrupted {
			break
		}
		cases++
		s, openErr := openStore(c.Out)
		if openErr != nil {
			t.Fatal(openErr)
		}
		all, listErr := listSizes(t.Context(), s)
		if listErr != nil {
			t.Fatal(listErr)
		}
		for name := range all {
			if strings.Contains(name, "/leases/") {
				t.Errorf("interrupted at request %d (%v): it left %s", skip+1, err, name)
			}
		}
		mend(t, fmt.Sprintf("interrupted at request %d", skip+1), c, w.want)
	}
	if cases < 5 {
		t.Errorf("only %d cases", cases)
	}
	report(t, "interrupted at each request", cases)
}
