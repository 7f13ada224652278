package s3input

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// report writes an S3 Inventory report and returns the path of its manifest.
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

	// A quoted field of 300 MB, compressed to 300 KB.
	var long bytes.Buffer
	zip = gzip.NewWriter(&long)
	io.WriteString(zip, `"bucket","`)
	for chunk := bytes.Repeat([]byte("k"), 1<<20); long.Len() < 300_000; {
		zip.Write(chunk)
	}
	zip.Close()
	endless := long.Bytes()

	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	o := NewOrigin(s3.New(s3test.Config(server.URL, awsclient.Options{}), s3.Options{PathStyle: true}), Filter{}, nil)
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
		{"a record without an end", "CSV", schema, endless, "longer than 65536 bytes"},
		{"no Parquet", "Parquet", "", []byte("plain"), "can't be used"},
		{"Parquet, cut off", "Parquet", "", parquet.Bytes()[:parquet.Len()/2], "can't be used"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		keys, err := NewInventory(context.Background(), o, report(t, test.format, test.schema, test.data), nil)
		if err == nil {
			err = keys.List(t.Context(), keys.Name(), &input.Listing{Log: slog.New(slog.DiscardHandler)}, func(input.Source) error { return nil })
		}
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 16 {
			t.Errorf("%s: %d MiB were allocated", test.name, took)
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

// A manifest of any content, which is read as a whole, takes a bounded amount of memory.
func TestHostileManifest(t *testing.T) {
	const limit = 256 << 20
	begin := `{"sourceBucket":"bucket","fileFormat":"CSV","fileSchema":"Key","files":[`
	for name, unit := range map[string]string{
		"empty files": "{},", "short keys": `{"key":"k"},`, "keys": `{"key":"` + strings.Repeat("k", 1024) + `"},`,
		"nested": "[", "null": "null,", "fields": `{"a":[0,0,0,0]},`,
	} {
		data := begin + strings.Repeat(unit, (maxManifest-len(begin)-10)/len(unit)) + "{}]}"
		manifest := filepath.Join(t.TempDir(), "manifest.json")
		if err := os.WriteFile(manifest, []byte(data), 0o666); err != nil {
			t.Fatal(err)
		}
		o := NewOrigin(s3.New(s3test.Config("http://127.0.0.1:1", awsclient.Options{}), s3.Options{PathStyle: true}), Filter{}, nil)
		took := s3test.PeakHeap(func() {
			keys, err := NewInventory(t.Context(), o, manifest, nil)
			if err == nil {
				err = keys.List(t.Context(), keys.Name(), &input.Listing{Log: slog.New(slog.DiscardHandler)}, func(input.Source) error { return nil })
			}
			if !errors.As(err, new(*ManifestError)) {
				t.Errorf("%s: %v", name, err)
			}
		})
		if t.Logf("%s: %d MiB", name, took>>20); took > limit {
			t.Errorf("%s: the heap grew by %d MiB", name, took>>20)
		}
	}
}
