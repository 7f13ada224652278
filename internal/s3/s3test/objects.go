package s3test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Objects is an S3 server in the test's own process with objects to list and read. It
// delays requests, ignores signatures and refuses writes. It is safe for concurrent
// use.
type Objects struct {
	URL string

	delay   time.Duration
	keys    []string // in order
	objects map[string][]byte

	mu   sync.Mutex
	seen map[string]int
}

// StartObjects starts a server, which ends with the test. Every bucket has the same
// objects.
func StartObjects(t testing.TB, objects map[string][]byte, delay time.Duration) *Objects {
	t.Helper()
	o := &Objects{objects: objects, delay: delay, seen: map[string]int{}}
	for key := range objects {
		o.keys = append(o.keys, key)
	}
	sort.Strings(o.keys)
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	o.URL = server.URL
	return o
}

// Seen returns the number of requests for an operation, named as Op does.
func (o *Objects) Seen(op string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[op]
}

// SetDelay sets how long each request takes, and resets the counts.
func (o *Objects) SetDelay(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delay, o.seen = d, map[string]int{}
}

// ServeHTTP implements http.Handler.
func (o *Objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	o.seen[Op(r)]++
	delay := o.delay
	o.mu.Unlock()
	time.Sleep(delay)
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if r.URL.Query().Has("list-type") {
		o.list(w, bucket, r.URL.Query())
		return
	}
	data, ok := o.objects[key]
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		Answer(404, "NoSuchKey", "The specified key does not exist.")(w, r, nil)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(data)))
	http.ServeContent(w, r, "", time.Unix(1_767_571_200, 0), bytes.NewReader(data))
}

func (o *Objects) list(w http.ResponseWriter, bucket string, q url.Values) {
	prefix, after, delimiter := q.Get("prefix"), q.Get("start-after"), q.Get("delimiter")
	limit, err := strconv.Atoi(q.Get("max-keys"))
	if err != nil {
		limit = 1000
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "<ListBucketResult><Name>%s</Name><Prefix>%s</Prefix><EncodingType>url</EncodingType>", bucket, url.QueryEscape(prefix))
	i := sort.SearchStrings(o.keys, max(prefix, after))
	if after != "" && i < len(o.keys) && o.keys[i] == after {
		i++
	}
	count, truncated := 0, false
	for ; i < len(o.keys) && strings.HasPrefix(o.keys[i], prefix); i++ {
		if count == limit {
			truncated = true
			break
		}
		count++
		key := o.keys[i]
		if dir, _, ok := strings.Cut(key[len(prefix):], "/"); ok && delimiter == "/" {
			dir = prefix + dir + "/"
			fmt.Fprintf(&out, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", url.QueryEscape(dir))
			for i+1 < len(o.keys) && strings.HasPrefix(o.keys[i+1], dir) {
				i++
			}
			continue
		}
		fmt.Fprintf(&out, "<Contents><Key>%s</Key><Size>%d</Size><ETag>e</ETag><LastModified>2026-01-05T00:00:00.000Z</LastModified></Contents>",
			url.QueryEscape(key), len(o.objects[key]))
	}
	fmt.Fprintf(&out, "<IsTruncated>%t</IsTruncated><KeyCount>%d</KeyCount></ListBucketResult>", truncated, count)
	w.Write(out.Bytes())
}
