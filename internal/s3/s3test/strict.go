package s3test

import (
	"bytes"
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Strict is an S3 server in the test's own process. It checks the conditions of every
// request, those of copies included, as S3 documents them; not every other server does.
// It delays and counts requests. It has one bucket with any name, ignores signatures, and
// has no multipart uploads. It is safe for concurrent use.
type Strict struct {
	URL string

	mu      sync.Mutex
	delay   time.Duration
	objects map[string]strictObject
	keys    []string // of objects in order; nil if they have changed
	seen    map[string]int
}

type strictObject struct {
	data     []byte // never changed
	etag     string
	modified time.Time
	meta     http.Header
}

// StartStrict starts a server with an empty bucket, which ends with the test.
func StartStrict(t testing.TB) *Strict {
	t.Helper()
	s := &Strict{objects: map[string]strictObject{}, seen: map[string]int{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// SetDelay sets how long each request takes, and resets the counts.
func (s *Strict) SetDelay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay, s.seen = d, map[string]int{}
}

// Seen returns the number of requests for each operation, named as Op does.
func (s *Strict) Seen() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[string]int{}
	for op, n := range s.seen {
		seen[op] = n
	}
	return seen
}

// Keys returns the keys of all objects, in order.
func (s *Strict) Keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sorted())
}

// Take removes an object; the function it returns puts it back.
func (s *Strict) Take(key string) (putBack func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	delete(s.objects, key)
	s.keys = nil
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if ok {
			s.objects[key], s.keys = o, nil
		}
	}
}

// sorted returns the keys in order; the caller holds the lock.
func (s *Strict) sorted() []string {
	if s.keys == nil {
		s.keys = make([]string, 0, len(s.objects))
		for key := range s.objects {
			s.keys = append(s.keys, key)
		}
		slices.Sort(s.keys)
	}
	return s.keys
}

// ServeHTTP implements http.Handler.
func (s *Strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := Op(r)
	s.mu.Lock()
	s.seen[op]++
	delay := s.delay
	s.mu.Unlock()
	time.Sleep(delay)
	body, err := strictBody(r)
	if err != nil {
		Answer(400, "IncompleteBody", err.Error())(w, r, nil)
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch op {
	case "ListObjectsV2":
		s.list(w, bucket, r.URL.Query())
	case "GetObject", "HeadObject":
		s.get(w, r, key)
	case "PutObject", "CopyObject":
		s.put(w, r, key, body)
	case "DeleteObjects":
		s.remove(w, body)
	default:
		Answer(501, "NotImplemented", op)(w, r, nil)
	}
}

// strictBody reads a request's body, even if it is sent in chunks with a trailer.
func strictBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("X-Amz-Decoded-Content-Length") == "" {
		return io.ReadAll(r.Body)
	}
	return io.ReadAll(httputil.NewChunkedReader(r.Body))
}

func (s *Strict) get(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := s.objects[key]
	if !ok {
		Answer(404, "NoSuchKey", "The specified key does not exist.")(w, r, nil)
		return
	}
	for name, values := range o.meta {
		w.Header()[name] = values
	}
	w.Header().Set("ETag", o.etag)
	http.ServeContent(w, r, "", o.modified, bytes.NewReader(o.data))
}

func (s *Strict) put(w http.ResponseWriter, r *http.Request, key string, body []byte) {
	made := strictObject{data: body, modified: time.Now().UTC().Truncate(time.Second), meta: http.Header{}}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") {
			made.meta[name] = values
		}
	}
	source := r.Header.Get("X-Amz-Copy-Source")
	if source != "" {
		name, _ := url.PathUnescape(source)
		_, name, _ = strings.Cut(strings.TrimPrefix(name, "/"), "/")
		from, ok := s.objects[name]
		if !ok {
			Answer(404, "NoSuchKey", "The specified key does not exist.")(w, r, nil)
			return
		}
		if want := r.Header.Get("X-Amz-Copy-Source-If-Match"); want != "" && want != from.etag {
			Answer(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")(w, r, nil)
			return
		}
		made.data, made.meta = from.data, from.meta
	}
	if _, taken := s.objects[key]; taken && r.Header.Get("If-None-Match") == "*" {
		Answer(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")(w, r, nil)
		return
	}
	made.etag = fmt.Sprintf(`"%x"`, md5.Sum(made.data))
	s.objects[key], s.keys = made, nil
	w.Header().Set("ETag", made.etag)
	if source != "" {
		fmt.Fprintf(w, "<CopyObjectResult><ETag>%s</ETag><LastModified>%s</LastModified></CopyObjectResult>", made.etag, made.modified.Format(time.RFC3339))
	}
}

func (s *Strict) remove(w http.ResponseWriter, body []byte) {
	var asked struct {
		Object []struct{ Key string }
	}
	if err := xml.Unmarshal(body, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var out bytes.Buffer
	out.WriteString("<DeleteResult>")
	for _, o := range asked.Object {
		delete(s.objects, o.Key)
		out.WriteString("<Deleted><Key>")
		xml.EscapeText(&out, []byte(o.Key))
		out.WriteString("</Key></Deleted>")
	}
	out.WriteString("</DeleteResult>")
	s.keys = nil
	w.Write(out.Bytes())
}

func (s *Strict) list(w http.ResponseWriter, bucket string, q url.Values) {
	prefix, after, delimiter := q.Get("prefix"), q.Get("start-after"), q.Get("delimiter")
	limit, err := strconv.Atoi(q.Get("max-keys"))
	if err != nil {
		limit = 1000
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "<ListBucketResult><Name>%s</Name><Prefix>%s</Prefix><EncodingType>url</EncodingType>", bucket, url.QueryEscape(prefix))
	keys := s.sorted()
	i, found := slices.BinarySearch(keys, max(prefix, after))
	if found && after >= prefix {
		i++
	}
	count, truncated := 0, false
	for ; i < len(keys) && strings.HasPrefix(keys[i], prefix); i++ {
		if count == limit {
			truncated = true
			break
		}
		key := keys[i]
		if dir, _, ok := strings.Cut(key[len(prefix):], "/"); ok && delimiter == "/" {
			dir = prefix + dir + "/"
			for i+1 < len(keys) && strings.HasPrefix(keys[i+1], dir) {
				i++
			}
			if strings.HasPrefix(after, dir) {
				continue
			}
			fmt.Fprintf(&out, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", url.QueryEscape(dir))
			count++
			continue
		}
		count++
		o := s.objects[key]
		fmt.Fprintf(&out, "<Contents><Key>%s</Key><Size>%d</Size><ETag>%s</ETag><LastModified>%s</LastModified></Contents>",
			url.QueryEscape(key), len(o.data), strings.ReplaceAll(o.etag, `"`, "&quot;"), o.modified.Format(time.RFC3339))
	}
	fmt.Fprintf(&out, "<IsTruncated>%t</IsTruncated><KeyCount>%d</KeyCount></ListBucketResult>", truncated, count)
	w.Write(out.Bytes())
}
