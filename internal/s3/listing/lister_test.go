package listing

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/s3"
)

// keySpace has a bucket's keys in order; it may generate them.
type keySpace interface {
	len() int
	key(i int) string
}

type keyList []string

func (l keyList) len() int         { return len(l) }
func (l keyList) key(i int) string { return l[i] }

// flatKeys are UUID-like names in one directory, spread evenly.
type flatKeys struct {
	prefix string
	n      int
}

func (f flatKeys) len() int { return f.n }
func (f flatKeys) key(i int) string {
	step := uint64(1<<63)/uint64(f.n)*2 - 1
	v := uint64(i)*step + uint64(i)*2654435761%step
	h := fmt.Sprintf("%016x", v)
	return f.prefix + h[:8] + "-" + h[8:12] + "-4" + h[12:15] + "-9000-000000000000.jsonl.gz"
}

// lister answers ListObjectsV2 for a key space.
type lister struct {
	keys  keySpace
	delay time.Duration // of each page
	pages atomic.Int64
	// fault may answer request n itself; it reports whether it did.
	fault func(n int64, w http.ResponseWriter, r *http.Request) bool
}

func (l *lister) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := l.pages.Add(1)
	time.Sleep(l.delay)
	if l.fault != nil && l.fault(n, w, r) {
		return
	}
	q := r.URL.Query()
	l.write(w, q.Get("prefix"), q.Get("start-after"), q.Get("delimiter"), q.Get("max-keys"))
}

func (l *lister) write(w http.ResponseWriter, prefix, after, delimiter, limit string) {
	maxKeys, err := strconv.Atoi(limit)
	if err != nil {
		maxKeys = 1000
	}
	truncated, count := false, 0
	var out bytes.Buffer
	out.WriteString("<ListBucketResult><Name>bucket</Name><Prefix>" + url.QueryEscape(prefix) + "</Prefix><EncodingType>url</EncodingType>")
	find := func(key string) int {
		return sort.Search(l.keys.len(), func(i int) bool { return l.keys.key(i) >= key })
	}
	i := find(max(prefix, after))
	if after != "" && i < l.keys.len() && l.keys.key(i) == after {
		i++
	}
	for i < l.keys.len() {
		key := l.keys.key(i)
		if !strings.HasPrefix(key, prefix) {
			break
		}
		if count == maxKeys {
			truncated = true
			break
		}
		count++
		if delimiter != "" {
			if j := strings.Index(key[len(prefix):], delimiter); j >= 0 {
				dir := key[:len(prefix)+j+1]
				out.WriteString("<CommonPrefixes><Prefix>" + url.QueryEscape(dir) + "</Prefix></CommonPrefixes>")
				i = find(dir[:len(dir)-1] + "0")
				continue
			}
		}
		out.WriteString("<Contents><Key>" + url.QueryEscape(key) + "</Key><Size>7</Size><ETag>&quot;e&quot;</ETag><LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>")
		i++
	}
	fmt.Fprintf(&out, "<IsTruncated>%t</IsTruncated><KeyCount>%d</KeyCount></ListBucketResult>", truncated, count)
	w.Write(out.Bytes())
}

// testBucket returns the bucket of a server that h implements.
func testBucket(t testing.TB, h http.Handler, o s3.Options) *s3.Bucket {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg := awsclient.Prepare(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	}, awsclient.Options{Log: o.Log, Backoff: o.Backoff})
	o.PathStyle = true
	b, err := s3.New(cfg, o).Bucket(t.Context(), "bucket")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// layoutKeys returns keys of Macie's own layout, with others among them.
func layoutKeys() keyList {
	var keys []string
	for a := range 3 {
		for r := range 4 {
			for j := range 3 {
				dir := fmt.Sprintf("AWSLogs/11112222333%d/Macie/eu-west-%d/%032d/", a, r, j*7919)
				n := []int{0, 1, 900, 1500, 12, 3300}[(a*7+r*3+j)%6]
				flat := flatKeys{dir, max(n, 1)}
				for i := range n {
					keys = append(keys, flat.key(i))
				}
				if j == 1 {
					for k := range 1500 { // an account level of small directories
						keys = append(keys, fmt.Sprintf("%s4444%08d/%x.jsonl.gz", dir, k*31, k))
					}
				}
			}
		}
	}
	keys = append(keys, "AWSLogs/", "AWSLogs/x y+é%20.jsonl", "macie-test-object", "AWSLogs-old/x.jsonl.gz", "AWSLogs/11112222333", "AWSLogs/\u00ff/ü.jsonl")
	for i := range 2200 {
		keys = append(keys, fmt.Sprintf("dated/2026-%02d-%02dT%05d.jsonl.gz", 1+i%12, 1+i%28, i))
		keys = append(keys, fmt.Sprintf("part/part-%08d.jsonl", i*i))
		keys = append(keys, fmt.Sprintf("ünï/%c/%d", 'a'+rune(i%500), i))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}
