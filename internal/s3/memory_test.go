package s3

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/macielake/macielake/internal/s3/s3test"
)

// As many listing requests as are sent at a time hold a bounded amount of memory
// together, whatever a server answers to them.
func TestHostilePages(t *testing.T) {
	const (
		requests = 32
		limit    = 256 << 20
		head     = "<ListBucketResult><Name>bucket</Name><IsTruncated>false</IsTruncated>"
		tail     = "</ListBucketResult>"
		held     = 3300 << 10 // bytes of each answer that are sent before any of them goes on
	)
	entry := func(key int) string {
		return "<Contents><Key>" + strings.Repeat("k", key) + "</Key><Size>1</Size></Contents>"
	}
	for _, test := range []struct{ name, begin, unit string }{
		{"empty entries", head, "<Contents/>"},
		{"long keys", head, entry(60_000)},
		{"one key", head + "<Contents><Key>", "kkkkkkkk"},
		{"nested elements", head, "<a>"},
		{"attributes", head + "<Contents", ` a=""`},
		{"namespaces", head + "<Contents", ` xmlns:a=""`},
		{"one tag", head + "<", "aaaaaaaa"},
		{"one comment", head + "<!--", "aaaaaaaa"},
		{"one CDATA section", head + "<![CDATA[", "<Contents/>"},
		{"entries between quotes", head, `<?a "?>` + strings.Repeat("<Contents/>", 80) + `<?a "?>`},
		{"one processing instruction", "<?xml ", "aaaaaaaa"},
		{"text", "", "xxxxxxxx"},
		{"spaces", "", "        "},
	} {
		t.Run(test.name, func(t *testing.T) {
			chunk := []byte(strings.Repeat(test.unit, max(1, (32<<10)/len(test.unit))))
			var mu sync.Mutex
			waiting, all := 0, make(chan struct{})
			b := bucketAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.WriteString(w, test.begin)
				waited := false
				for sent := 0; sent < 16<<20; sent += len(chunk) {
					if sent > held && !waited {
						waited = true
						mu.Lock()
						if waiting++; waiting == requests {
							close(all)
						}
						mu.Unlock()
						select {
						case <-all:
						case <-r.Context().Done():
						}
					}
					if _, err := w.Write(chunk); err != nil {
						return
					}
				}
				io.WriteString(w, tail)
			}))
			took := s3test.PeakHeap(func() {
				var group sync.WaitGroup
				for range requests {
					group.Go(func() {
						if _, err := b.Page(t.Context(), "", "", false); err == nil {
							t.Error("no error")
						}
					})
				}
				group.Wait()
			})
			if t.Logf("%d MiB", took>>20); took > limit {
				t.Errorf("the heap grew by %d MiB", took>>20)
			}
		})
	}
}
