package s3

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
)

func TestParseURI(t *testing.T) {
	for _, test := range []struct {
		uri, bucket, key string
		ok               bool
	}{
		{"s3://b", "b", "", true}, {"s3://b/", "b", "", true}, {"s3://b/a b/%20é", "b", "a b/%20é", true}, {"s3://b//x", "b", "/x", true},
		{"s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/name/a/b", "arn:aws:s3:eu-west-1:111122223333:accesspoint/name", "a/b", true},
		{"s3://", "", "", false}, {"s3:///x", "", "", false}, {"b/x", "", "", false}, {"s3://b?x/y", "", "", false},
		{"s3://b/\xff", "", "", false}, {"s3://b/" + strings.Repeat("x", 1025), "", "", false},
	} {
		bucket, key, err := ParseURI(test.uri)
		if (err == nil) != test.ok || test.ok && (bucket != test.bucket || key != test.key) {
			t.Errorf("%.40q: %q, %q, %v", test.uri, bucket, key, err)
		}
	}
}

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, key string
		want         bool
	}{
		{"", "x", true}, {"a", "a", true}, {"a", "a/b", true}, {"a", "ab", false}, {"a/", "a/b", true}, {"a/", "ab/c", false},
		{"a*", "abc/d", true}, {"a*", "b", false}, {"a*/c", "ab/c/d", true}, {"a*/c", "ab/d/c", false}, {"*/Macie/eu-*", "1/Macie/eu-west-1/x", true},
		{"?/x", "é/x", true}, {"?/x", "ab/x", false}, {"a*b*c", "axxbyyc", true}, {"a*b*c", "axxbyy", false}, {"*", "", true}, {"a*", "a", true},
		{"*.jsonl", "x.jsonl", true}, {"*.jsonl", "d/x.jsonl", false},
		{strings.Repeat("a*", 30) + "b", strings.Repeat("a", 900), false},
	} {
		p := newPattern(test.pattern)
		if got := p.matches(test.key); got != test.want {
			t.Errorf("%.20q of %.20q: %v", test.pattern, test.key, got)
		}
		if test.want { // then no directory above it is passed over
			for i, c := range test.key {
				if c == '/' && !p.mayHold(test.key[:i+1]) && len(test.key[:i+1]) > len(p.prefix) {
					t.Errorf("%q may hold %q", test.pattern, test.key[:i+1])
				}
			}
		}
	}
}

func TestFilter(t *testing.T) {
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	f := Filter{Regions: []string{"eu-west-1"}, Jobs: []string{strings.Repeat("a", 32)}, Accounts: []string{"111122223333"}, Since: &since}
	job, other := strings.Repeat("a", 32), strings.Repeat("b", 32)
	for key, want := range map[string]bool{
		"AWSLogs/9/Macie/eu-west-1/" + job + "/x.jsonl.gz":                                             true,
		"p/AWSLogs/9/Macie/eu-west-1/" + job + "/111122223333/x.jsonl.gz":                              true,
		"AWSLogs/9/Macie/eu-west-1/" + job + "/444455556666/x.jsonl.gz":                                false,
		"AWSLogs/9/Macie/eu-west-1/" + other + "/x.jsonl.gz":                                           false,
		"AWSLogs/9/Macie/eu-west-2/" + job + "/x.jsonl.gz":                                             false,
		"AWSLogs/9/Macie/eu-west-1/automated/111122223333/x.jsonl.gz":                                  true, // no job
		"AWSLogs/9/Macie/results/x.jsonl.gz":                                                           true, // no region
		"copied/x.jsonl.gz":                                                                            true,
		"x.jsonl.gz":                                                                                   true,
		"AWSLogs/444455556666/Macie/eu-west-1/" + job + "/" + strings.Repeat("1", 11) + "a/x.jsonl.gz": true, // the administrator's account is no reason
	} {
		if got := f.wants(Object{Key: key, Modified: since}); got != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	if f.wants(Object{Key: "x", Modified: since.Add(-time.Second)}) || !f.wants(Object{Key: "x"}) {
		t.Error("by time")
	}
}

// A spool gives what it was given, from memory or from its file, and gives all
// of its memory back.
func TestSpool(t *testing.T) {
	for _, left := range []int64{0, firstBlock, 100_000, 64 << 20} {
		memory := &spools{left: left}
		s := &spool{memory: memory}
		var want bytes.Buffer
		for i := range 300 {
			p := bytes.Repeat([]byte{byte(i)}, i*17)
			want.Write(p)
			if n, err := s.Write(p); n != len(p) || err != nil {
				t.Fatal(n, err)
			}
		}
		for range 2 {
			got, err := io.ReadAll(s.reader())
			if err != nil || !bytes.Equal(got, want.Bytes()) || s.size != int64(want.Len()) {
				t.Errorf("with %d: %d bytes of %d, %v", left, len(got), want.Len(), err)
			}
		}
		if inFile := s.file != nil; inFile != (left < int64(want.Len())) {
			t.Errorf("with %d: a file: %v", left, inFile)
		}
		s.close()
		if memory.left != left {
			t.Errorf("%d of %d bytes came back", memory.left, left)
		}
	}
}

// asAWS answers all requests to AWS.
type asAWS struct {
	hosts []string
	head  func(r *http.Request) (status int, region string)
}

func (a *asAWS) Do(r *http.Request) (*http.Response, error) {
	a.hosts = append(a.hosts, r.Method+" "+r.URL.Host)
	status, region := 200, ""
	if r.Method == http.MethodHead {
		status, region = a.head(r)
	}
	h := http.Header{}
	if region != "" {
		h.Set("X-Amz-Bucket-Region", region)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("<ListBucketResult></ListBucketResult>")), Request: r}, nil
}

// A bucket's region is found whatever the answer is, and where it can't be the
// configured one is used.
func TestRegion(t *testing.T) {
	for _, test := range []struct {
		name, configured string
		status           int
		header           string
		host             string
		kind             awsclient.Kind
	}{
		{"elsewhere", "eu-west-1", 301, "ap-south-1", "results.s3.ap-south-1.amazonaws.com", 0},
		{"here", "eu-west-1", 200, "eu-west-1", "results.s3.eu-west-1.amazonaws.com", 0},
		{"none configured", "", 301, "ap-south-1", "results.s3.ap-south-1.amazonaws.com", 0},
		{"denied, but it says where", "eu-west-1", 403, "ap-south-1", "results.s3.ap-south-1.amazonaws.com", 0},
		{"denied", "eu-west-1", 403, "", "results.s3.eu-west-1.amazonaws.com", 0},
		{"no bucket", "eu-west-1", 404, "", "", awsclient.NoSuchBucket},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &asAWS{head: func(*http.Request) (int, string) { return test.status, test.header }}
			cfg := awsclient.Prepare(aws.Config{Region: test.configured, HTTPClient: h,
				Credentials: credentials.NewStaticCredentialsProvider("AKID", "secret", "")}, awsclient.Options{})
			c := New(cfg, Options{})
			b, err := c.Bucket(t.Context(), "results")
			if test.kind != 0 {
				if awsclient.KindOf(err) != test.kind {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.page(t.Context(), "", "", false); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Bucket(t.Context(), "results"); err != nil || len(h.hosts) != 2 || h.hosts[1] != "GET "+test.host {
				t.Errorf("%v, %q", err, h.hosts)
			}
		})
	}
}

// report writes an inventory and returns the path of its manifest.
func report(t *testing.T, format, schema string, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "2026-11-01T01-00Z"), 0o777); err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{"sourceBucket":"bucket","destinationBucket":"arn:aws:s3:::inventories","version":"2016-11-30","fileFormat":%q,"fileSchema":%q,"files":[{"key":"x/bucket/config/data/1","size":1,"MD5checksum":"x"}]}`, format, schema)
	for name, content := range map[string][]byte{"data/1": data, "2026-11-01T01-00Z/manifest.json": []byte(manifest)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "2026-11-01T01-00Z", "manifest.json")
}

func TestInventory(t *testing.T) {
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	io.WriteString(zip, `"bucket","in/a%20b.jsonl.gz","v2","true","false","12","2026-11-01T10:00:00.000Z","abc"
"bucket","in/a%20b.jsonl.gz","v1","false","false","11","2026-10-01T10:00:00.000Z","old"
"bucket","in/gone.jsonl.gz","v3","true","true","","2026-11-01T10:00:00.000Z",""
"bucket","in/macie-test-object","v4","true","false","3","2026-11-01T10:00:00.000Z","x"
"bucket","in/%C3%A9%2Bc.jsonl","v5","true","false","13","2026-11-01T10:00:00.000Z","def"
"bucket","other/d.jsonl","v5","true","false","13","2026-11-01T10:00:00.000Z","ghi"
`)
	zip.Close()
	const schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
	at := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)

	sc := arrow.NewSchema([]arrow.Field{
		{Name: "bucket", Type: arrow.BinaryTypes.String}, {Name: "e_tag", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "key", Type: arrow.BinaryTypes.String}, {Name: "size", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "last_modified_date", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "is_latest", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	for i, key := range []string{"in/a b.jsonl.gz", "in/macie-test-object", "in/é+c.jsonl", "other/d.jsonl", "in/old.jsonl"} {
		b.Field(0).(*array.StringBuilder).Append("bucket")
		b.Field(1).(*array.StringBuilder).Append([]string{"abc", "x", "def", "ghi", "y"}[i])
		b.Field(2).(*array.StringBuilder).Append(key)
		b.Field(3).(*array.Int64Builder).Append([]int64{12, 3, 13, 13, 1}[i])
		b.Field(4).(*array.TimestampBuilder).Append(arrow.Timestamp(at.UnixMilli()))
		b.Field(5).(*array.BooleanBuilder).Append(i != 4)
	}
	var parquet bytes.Buffer
	w, err := pqarrow.NewFileWriter(sc, &parquet, nil, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	bucket := testBucket(t, http.NotFoundHandler(), quick())
	o := NewOrigin(bucket.c, Filter{}, nil)
	for _, test := range []struct {
		format, schema string
		data           []byte
	}{{"CSV", schema, zipped.Bytes()}, {"Parquet", "message s3.inventory {}", parquet.Bytes()}} {
		keys, err := NewInventory(t.Context(), o, report(t, test.format, test.schema, test.data), []string{"s3://bucket/in"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		l := &input.Listing{Log: slog.New(slog.DiscardHandler)}
		err = keys.List(t.Context(), keys.Name(), l, func(s input.Source) error {
			got = append(got, fmt.Sprint(s.URI, " ", s.Size, " ", s.ETag, " ", s.LastModified == at.UnixMicro()))
			return nil
		})
		want := []string{"s3://bucket/in/a b.jsonl.gz 12 abc true", "s3://bucket/in/é+c.jsonl 13 def true"}
		if err != nil || !slices.Equal(got, want) || l.Skipped != 1 {
			t.Errorf("%s: %q, %d skipped, %v", test.format, got, l.Skipped, err)
		}
	}
	for _, test := range []struct {
		name, format, schema string
		data                 []byte
		why                  string
	}{
		{"ORC", "ORC", "struct<>", nil, "ORC"},
		{"another format", "XML", "", nil, "format"},
		{"no key", "CSV", "Bucket, Size", zipped.Bytes(), "key"},
		{"fewer columns", "CSV", "Bucket, Key", zipped.Bytes(), "fields"},
		{"no gzip", "CSV", schema, []byte("plain"), "can't be used"},
		{"cut off", "CSV", schema, zipped.Bytes()[:zipped.Len()-20], "can't be used"},
		{"no Parquet", "Parquet", "", []byte("plain"), "can't be used"},
		{"Parquet, cut off", "Parquet", "", parquet.Bytes()[:parquet.Len()/2], "can't be used"},
	} {
		keys, err := NewInventory(context.Background(), o, report(t, test.format, test.schema, test.data), nil)
		if err == nil {
			err = keys.List(t.Context(), keys.Name(), &input.Listing{Log: slog.New(slog.DiscardHandler)}, func(input.Source) error { return nil })
		}
		var broken *ManifestError
		if !errors.As(err, &broken) || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := NewInventory(t.Context(), o, report(t, "CSV", schema, nil), []string{"s3://elsewhere/in"}); err == nil {
		t.Error("took the inventory of another bucket")
	}
}
