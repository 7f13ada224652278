package crash_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/s3/s3test"
	"github.com/macielake/macielake/internal/store"
)

// lie is a wrong response that reports success.
type lie struct {
	name string
	// tell answers a request wrongly. truth is the server's response to it; previous is
	// the response to the last request of the same operation, nil for none.
	tell func(w http.ResponseWriter, r *http.Request, truth, previous *httptest.ResponseRecorder)
}

// answerWith answers a request with the response truth, but another body.
func answerWith(w http.ResponseWriter, r *http.Request, truth *httptest.ResponseRecorder, body string) {
	for name, values := range truth.Header() {
		w.Header()[name] = values
	}
	if r.Method != http.MethodHead { // of a HEAD it is the object's length
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(truth.Code)
	fmt.Fprint(w, body) // fails only if the client has closed the connection
}

func answerPlain(w http.ResponseWriter, kind, body string) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)
	fmt.Fprint(w, body)
}

var (
	contents = regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	prefixes = regexp.MustCompile(`<Prefix>[^<]*</Prefix>`)
	keyCount = regexp.MustCompile(`<KeyCount>\d+</KeyCount>`)
)

// truncate returns a listing with only its first n objects.
func truncate(listing string, n int) string {
	at := 0
	listing = contents.ReplaceAllStringFunc(listing, func(s string) string {
		if at++; at <= n {
			return s
		}
		return ""
	})
	return keyCount.ReplaceAllString(listing, fmt.Sprintf("<KeyCount>%d</KeyCount>", min(n, at)))
}

func lies() []lie {
	return []lie{
		{"empty", func(w http.ResponseWriter, _ *http.Request, _, _ *httptest.ResponseRecorder) {
			w.WriteHeader(http.StatusOK)
		}},
		{"HTML", func(w http.ResponseWriter, _ *http.Request, _, _ *httptest.ResponseRecorder) {
			answerPlain(w, "text/html", "<!DOCTYPE html><html><body>Please log in to the network.</body></html>")
		}},
		{"an error with status 200", func(w http.ResponseWriter, _ *http.Request, _, _ *httptest.ResponseRecorder) {
			answerPlain(w, "application/xml", `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>`)
		}},
		{"cut in half", func(w http.ResponseWriter, r *http.Request, truth, _ *httptest.ResponseRecorder) {
			answerWith(w, r, truth, truth.Body.String()[:truth.Body.Len()/2])
		}},
		{"repeated", func(w http.ResponseWriter, r *http.Request, truth, previous *httptest.ResponseRecorder) {
			if previous == nil {
				previous = truth
			}
			answerWith(w, r, previous, previous.Body.String())
		}},
		{"of another prefix", func(w http.ResponseWriter, r *http.Request, truth, _ *httptest.ResponseRecorder) {
			answerWith(w, r, truth, prefixes.ReplaceAllString(truth.Body.String(), "<Prefix>elsewhere/</Prefix>"))
		}},
		{"stale: as before anything was written", func(w http.ResponseWriter, r *http.Request, truth, _ *httptest.ResponseRecorder) {
			answerWith(w, r, truth, truncate(truth.Body.String(), 0))
		}},
		{"short: half of the objects", func(w http.ResponseWriter, r *http.Request, truth, _ *httptest.ResponseRecorder) {
			body := truth.Body.String()
			answerWith(w, r, truth, truncate(body, len(contents.FindAllString(body, -1))/2))
		}},
	}
}

// liar replaces some responses by a lie.
type liar struct {
	lie  lie
	told atomic.Bool

	mu       sync.Mutex
	previous map[string]*httptest.ResponseRecorder // by operation
}

// fault returns the faults with which a proxy lies: after skip requests, for times
// requests, or for all others if times is 0. The server executes all requests.
func (l *liar) fault(skip, times int) []s3test.Fault {
	n := 0
	return []s3test.Fault{{
		Match: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/lake") },
		Do: func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			truth := httptest.NewRecorder()
			forward.ServeHTTP(truth, r)
			l.mu.Lock()
			n++
			lying := n > skip && (times == 0 || n <= skip+times) && truth.Code < 300
			previous := l.previous[s3test.Op(r)]
			l.previous[s3test.Op(r)] = truth
			l.mu.Unlock()
			if !lying {
				answerWith(w, r, truth, truth.Body.String())
				return
			}
			l.told.Store(true)
			l.lie.tell(w, r, truth, previous)
		},
	}}
}

// A server lies in place of S3, for any one request or from then on. A command gives a
// right answer or fails, and nothing is lost, doubled or deleted.
func TestS3Lies(t *testing.T) {
	server := startS3(t)
	proxy := s3test.NewProxy(t, server)
	dir := tempDir(t)
	stride, every := 997, 23
	if isLong() {
		stride, every = 17, 1
	}
	cases, failed, offset := 0, 0, 0
	for _, c := range commands() {
		for _, l := range lies() {
			for _, times := range []int{1, 0} {
				if offset += 13; offset/13%every != 0 {
					continue
				}
				for skip := offset % min(stride, 80); failed < 20; skip += stride {
					w, honest := s3Base(t, server.URL, dir, cases)
					place := fmt.Sprintf("/lake/case-%d", cases)
					before, err := readHonestly(t.Context(), honest)
					if err != nil {
						t.Fatal(err)
					}
					liar := &liar{lie: l, previous: map[string]*httptest.ResponseRecorder{}}
					proxy.Script(liar.fault(skip, times)...)
					what := fmt.Sprintf("%s, answer %d %s (%d times, 0 for ever)", c.name, skip+1, l.name, times)
					err = runUnderLies(t.Context(), &c, w, proxy.URL+place, before)
					proxy.Script()
					cases++
					if errors.As(err, new(*wrongError)) {
						t.Errorf("%s: %v", what, err)
						failed++
					}
					if !c.reads {
						mending := mendPair(t.Context(), w, honest, shortLeaseInS3)
						if spoiled := (*run.SpoiledError)(nil); l.name == "repeated" && errors.As(mending, &spoiled) {
							// A receipt has the ETag of another object, as the server said. The
							// error says what to do.
							s := honest()
							if mending = abandonRun(t.Context(), s, spoiled.Run, shortLeaseInS3); mending == nil {
								mending = mendPair(t.Context(), w, honest, shortLeaseInS3)
							}
							s.Close()
						}
						if mending != nil {
							t.Errorf("%s: it returned %v; after mending: %v", what, err, mending)
							failed++
						}
					}
					if !liar.told.Load() {
						break
					}
				}
			}
		}
	}
	fmt.Printf("torture: %s: %d lies\n", t.Name(), cases)
}

// readHonestly reads the rows of a dataset without lies.
func readHonestly(ctx context.Context, open func() store.Store) (rows, error) {
	s := open()
	defer s.Close()
	return catRows(ctx, s)
}

// runUnderLies runs a command on a dataset behind a liar. The rows that it reads must be
// right.
func runUnderLies(ctx context.Context, c *command, w *world, place string, before rows) error {
	s, err := openStore(place)
	if err != nil {
		return err
	}
	defer s.Close()
	if c.name != "cat" {
		return c.do(ctx, w, s, shortLeaseInS3)
	}
	got, err := catRows(ctx, s)
	if err != nil {
		return err
	}
	if err := checkEqual(got, before); err != nil {
		return &wrongError{err}
	}
	return nil
}
