package listing

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3"
)

func quick() s3.Options {
	return s3.Options{Backoff: awsclient.Backoff{Base: time.Millisecond, Max: 5 * time.Millisecond}}
}

func walk(t *testing.T, b *s3.Bucket, o Options) []string {
	t.Helper()
	var keys []string
	if err := Walk(t.Context(), b, o, func(o s3.Object) error { keys = append(keys, o.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

// A walk finds every key once and in order, with any prefix, concurrency and keys.
func TestWalk(t *testing.T) {
	keys := layoutKeys()
	l := &lister{keys: keys}
	b := testBucket(t, l, quick())
	for _, prefix := range []string{"", "AWSLogs", "AWSLogs/", "AWSLogs/111122223331/Macie/", "AWSLogs/1", "dated/", "part/", "part/part-000", "ünï/", "none", "macie-test-object"} {
		for _, concurrency := range []int{1, 32} {
			// One page at a time is slow.
			if large := !strings.HasPrefix(prefix, "dated") && !strings.HasPrefix(prefix, "part"); concurrency == 1 && large ||
				testing.Short() && prefix != "dated/" {
				continue
			}
			var want []string
			for _, k := range keys {
				if strings.HasPrefix(k, prefix) {
					want = append(want, k)
				}
			}
			l.pages.Store(0)
			got := walk(t, b, Options{Prefix: prefix, Concurrency: concurrency})
			if !slices.Equal(got, want) {
				t.Fatalf("%q with %d: %d keys, want %d", prefix, concurrency, len(got), len(want))
			}
			if concurrency == 32 {
				t.Logf("%q: %d keys in %d pages", prefix, len(got), l.pages.Load())
			}
		}
	}
}

func TestWalkRandom(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		alphabet := []string{"a", "b", "0", "9", "-", ".", "/", "é", "~", "\U0010FFFF", " "}[:2+r.IntN(10)]
		var keys []string
		for range 1 + r.IntN(4000) {
			var k strings.Builder
			for range 1 + r.IntN(14) {
				k.WriteString(alphabet[r.IntN(len(alphabet))])
			}
			keys = append(keys, k.String())
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		b := testBucket(t, &lister{keys: keyList(keys)}, quick())
		if got := walk(t, b, Options{}); !slices.Equal(got, keys) {
			t.Fatalf("seed %d: %d keys, want %d", seed, len(got), len(keys))
		}
	}
}

// Unwanted directories are not listed where that is known beforehand.
func TestWalkDescend(t *testing.T) {
	keys := layoutKeys()
	l := &lister{keys: keys}
	b := testBucket(t, l, quick())
	wanted := func(dir string) bool {
		return !strings.Contains(dir, "/Macie/") || strings.HasSuffix(dir, "/Macie/") || strings.Contains(dir, "eu-west-2/")
	}
	walk(t, b, Options{Prefix: "AWSLogs/", Concurrency: 4})
	all := l.pages.Swap(0)
	var got, want []string
	err := Walk(t.Context(), b, Options{Prefix: "AWSLogs/", Concurrency: 4, Descend: wanted}, func(o s3.Object) error {
		if strings.Contains(o.Key, "eu-west-2/") {
			got = append(got, o.Key)
		}
		return nil
	})
	for _, k := range keys {
		if strings.HasPrefix(k, "AWSLogs/") && strings.Contains(k, "eu-west-2/") {
			want = append(want, k)
		}
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d keys, want %d: %v", len(got), len(want), err)
	}
	if pages := l.pages.Load(); pages > all/2 {
		t.Errorf("%d pages, %d for all regions", pages, all)
	}
}

// Listing a million keys in one directory takes far less time than a thousand pages in a
// row.
func TestWalkSideBySide(t *testing.T) {
	const n = 1_000_000
	if testing.Short() {
		t.Skip("lists very many keys")
	}
	l := &lister{keys: flatKeys{"AWSLogs/1/Macie/eu-west-1/x/", n}, delay: 100 * time.Millisecond}
	b := testBucket(t, l, quick())
	start, count, last := time.Now(), 0, ""
	err := Walk(t.Context(), b, Options{Prefix: "AWSLogs/", Concurrency: 32}, func(o s3.Object) error {
		if o.Key <= last {
			t.Fatalf("%s after %s", o.Key, last)
		}
		count, last = count+1, o.Key
		return nil
	})
	took := time.Since(start)
	if err != nil || count != n {
		t.Fatalf("%d keys: %v", count, err)
	}
	inARow := n / s3.PageKeys * l.delay
	t.Logf("%d pages in %v; in a row they would wait %v", l.pages.Load(), took, inARow)
	if pages := l.pages.Load(); pages > 2*n/s3.PageKeys {
		t.Errorf("%d pages for %d keys", pages, n)
	}
	if took > inARow/2 {
		t.Errorf("took %v", took)
	}
}

// The memory of a listing doesn't grow with the listing, however slow its reader is.
func TestWalkMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("lists very many keys")
	}
	heap := func(n int) uint64 {
		l := &lister{keys: flatKeys{"x/", n}}
		b := testBucket(t, l, quick())
		var most uint64
		count := 0
		err := Walk(t.Context(), b, Options{}, func(o s3.Object) error {
			if count++; count%(n/8) == 0 {
				most = max(most, heapAtRest(t, l))
			}
			return nil
		})
		if err != nil || count != n {
			t.Fatalf("%d keys: %v", count, err)
		}
		return most
	}
	few, many := 200_000, 400_000
	if os.Getenv("MACIELAKE_TORTURE") != "" {
		few, many = 500_000, 10_000_000
	}
	small, large := heap(few), heap(many)
	t.Logf("%d MB for %d keys, %d MB for %d", small>>20, few, large>>20, many)
	if large > small+small/4 {
		t.Errorf("%d bytes for %d keys, %d for %d", small, few, large, many)
	}
}

// heapAtRest waits until a listing without a reader is as far ahead as it may be, and
// returns the size of the heap. Before that, requests are under way whose memory depends
// on how busy the machine is.
func heapAtRest(t *testing.T, l *lister) uint64 {
	t.Helper()
	const calm = 5 // readings in a row that agree
	var pages int64
	var heap uint64
	deadline := time.Now().Add(time.Minute)
	for same := 0; same < calm; {
		if time.Now().After(deadline) {
			t.Fatalf("the listing goes on though nobody reads it: %d pages, %d bytes", pages, heap)
		}
		time.Sleep(20 * time.Millisecond)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		asked := l.pages.Load()
		if same++; asked != pages || max(m.HeapAlloc, heap)-min(m.HeapAlloc, heap) > 64<<10 {
			same = 0
		}
		pages, heap = asked, m.HeapAlloc
	}
	return heap
}

// firstTimes reports the first occurrence of every third kind of request, so that a
// repeated request gets an answer.
func firstTimes() func(*http.Request) bool {
	var mu sync.Mutex
	seen := map[string]bool{}
	return func(r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if seen[r.URL.RawQuery] {
			return false
		}
		seen[r.URL.RawQuery] = true
		return len(seen)%3 == 0
	}
}

func TestWalkErrors(t *testing.T) {
	errStop := errors.New("stop")
	keys := flatKeys{"x/", 20_000}
	answer := func(w http.ResponseWriter, status int, code string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		io.WriteString(w, "<Error><Code>"+code+"</Code><Message>m</Message></Error>")
	}
	for _, test := range []struct {
		name  string
		fault func(l *lister) func(n int64, w http.ResponseWriter, r *http.Request) bool
		kind  awsclient.Kind
		whole bool // it is listed all the same
	}{
		{"denied", func(*lister) func(int64, http.ResponseWriter, *http.Request) bool {
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				if n < 5 {
					return false
				}
				answer(w, 403, "AccessDenied")
				return true
			}
		}, awsclient.Denied, false},
		{"every other slow down", func(*lister) func(int64, http.ResponseWriter, *http.Request) bool {
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				if n%2 == 0 {
					return false
				}
				answer(w, 503, "SlowDown")
				return true
			}
		}, 0, true},
		{"slow down for good", func(*lister) func(int64, http.ResponseWriter, *http.Request) bool {
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				if n < 5 {
					return false
				}
				answer(w, 503, "SlowDown")
				return true
			}
		}, awsclient.Throttled, false},
		{"a page again, now and then", func(l *lister) func(int64, http.ResponseWriter, *http.Request) bool {
			first := firstTimes()
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				if !first(r) {
					return false
				}
				l.write(w, "x/", "", "", "1000")
				return true
			}
		}, 0, true},
		{"a page again, always", func(l *lister) func(int64, http.ResponseWriter, *http.Request) bool {
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				l.write(w, "x/", "", "", "1000")
				return n > 1
			}
		}, awsclient.BadAnswer, false},
		{"cut off, now and then", func(l *lister) func(int64, http.ResponseWriter, *http.Request) bool {
			first := firstTimes()
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				if !first(r) {
					return false
				}
				io.WriteString(w, `<ListBucketResult><Name>bucket</Name><Prefix>x/</Prefix><IsTruncated>false</IsTruncated><KeyCount>3</KeyCount><Contents><Key>x/1</Key></Contents>`)
				return true
			}
		}, 0, true},
		{"empty but not the last", func(l *lister) func(int64, http.ResponseWriter, *http.Request) bool {
			first := firstTimes()
			return func(n int64, w http.ResponseWriter, r *http.Request) bool {
				if !first(r) {
					return false
				}
				io.WriteString(w, `<ListBucketResult><Name>bucket</Name><Prefix>x/</Prefix><IsTruncated>true</IsTruncated></ListBucketResult>`)
				return true
			}
		}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &lister{keys: keys}
			l.fault = test.fault(l)
			b := testBucket(t, l, quick())
			count := 0
			err := Walk(t.Context(), b, Options{}, func(s3.Object) error { count++; return nil })
			if test.whole {
				if err != nil || count != keys.n {
					t.Fatalf("%d keys: %v", count, err)
				}
				return
			}
			if err == nil {
				t.Fatalf("%d keys and no error", count)
			}
			if kind := awsclient.KindOf(err); kind != test.kind {
				t.Errorf("kind %d, want %d: %v", kind, test.kind, err)
			}
			t.Log(err)
		})
	}
	b := testBucket(t, &lister{keys: keys}, quick())
	if err := Walk(t.Context(), b, Options{}, func(s3.Object) error { return errStop }); err != errStop {
		t.Errorf("stopped: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	n := 0
	err := Walk(ctx, b, Options{}, func(s3.Object) error {
		if n++; n == 1500 {
			cancel(errStop)
		}
		return nil
	})
	if err != errStop {
		t.Errorf("cancelled: %v", err)
	}
}
