package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/s3/s3test"
)

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// runAt runs macielake with the server, or a proxy, at url.
func runAt(t *testing.T, url string, stdin io.Reader, args ...string) result {
	t.Helper()
	return runWith(t, s3test.Environ(url), stdin, args...)
}

func runWith(t *testing.T, env []string, stdin io.Reader, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "macielake", args...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, stdin, &stdout, &stderr
	_ = cmd.Run() // the state has it
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if strings.Contains(r.stderr, "goroutine ") {
		t.Errorf("a stack on standard error:\n%s", r.stderr)
	}
	return r
}

// sampleInS3 uploads a sample to s3://results/in/ of a new server, which has a
// bucket named lake too, and returns the sample's directory.
func sampleInS3(t *testing.T, o gen.Options) (server *s3test.Server, dir string) {
	t.Helper()
	dir = sample(t, o)
	server = s3test.Start(t, "results", "lake")
	if err := server.Put(t.Context(), "results", "in/", dir); err != nil {
		t.Fatal(err)
	}
	return server, dir
}

// tableRows lists the rows of a dataset's table in the order of its files, as
// JSON, without the columns that say where a row comes from.
func tableRows(t *testing.T, files map[string][]byte, table string) []string {
	t.Helper()
	var rows []string
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range files {
			if strings.HasPrefix(name, table+"/") && !yield(name) {
				return
			}
		}
	}) {
		in, err := file.NewParquetReader(bytes.NewReader(files[name]))
		if err != nil {
			t.Fatal(err)
		}
		reader, err := pqarrow.NewFileReader(in, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		read, err := reader.ReadTable(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer read.Release()
		var columns []arrow.Column
		var fields []arrow.Field
		for i, f := range read.Schema().Fields() {
			if f.Name != "source_uri" && f.Name != "source_etag" {
				fields, columns = append(fields, f), append(columns, *read.Column(i))
			}
		}
		for row := range int(read.NumRows()) {
			var b strings.Builder
			for i, c := range columns {
				chunk, at := 0, row
				for at >= c.Data().Chunk(chunk).Len() {
					at -= c.Data().Chunk(chunk).Len()
					chunk++
				}
				fmt.Fprintf(&b, "%s=%s;", fields[i].Name, c.Data().Chunk(chunk).ValueStr(at))
			}
			rows = append(rows, b.String())
		}
	}
	return rows
}

// filesOf are the files below a directory by their relative names.
func filesOf(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := treeOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// objectsOf are the objects below a prefix by their relative keys.
func objectsOf(t *testing.T, server *s3test.Server, bucket, prefix string) map[string][]byte {
	t.Helper()
	ctx, client := context.Background(), server.Client()
	files := map[string][]byte{}
	pages := sdk.NewListObjectsV2Paginator(client, &sdk.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			got, err := client.GetObject(ctx, &sdk.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
			files[strings.TrimPrefix(aws.ToString(o.Key), prefix)] = data
		}
	}
	return files
}

// From wherever to wherever, the rows are the same.
func TestS3SameRows(t *testing.T) {
	server, dir := sampleInS3(t, gen.Options{Profile: "mixed", Size: 4 << 20, Seed: 7})
	local := filepath.Join(t.TempDir(), "lake")
	if r := runAt(t, server.URL, nil, "convert", filepath.Join(dir, "AWSLogs"), "--out", local, "-q"); r.code != 0 {
		t.Fatal(r)
	}
	want := filesOf(t, local)
	for _, way := range []struct{ name, in, out string }{
		{"s3 to s3", "s3://results/in/AWSLogs", "s3://lake/a/b c"},
		{"s3 to local", "s3://results/in/AWSLogs/", filepath.Join(t.TempDir(), "lake")},
		{"local to s3", filepath.Join(dir, "AWSLogs"), "s3://lake/from-local/"},
		{"a pattern to s3", "s3://results/*/AWSLogs/*/Macie", "s3://lake/pattern"},
	} {
		t.Run(way.name, func(t *testing.T) {
			r := runAt(t, server.URL, nil, "convert", way.in, "--out", way.out, "--path-style", "--json", "-q")
			if r.code != 0 || r.stderr != "" {
				t.Fatal(r)
			}
			got := map[string][]byte{}
			if key, ok := strings.CutPrefix(way.out, "s3://lake/"); ok {
				got = objectsOf(t, server, "lake", strings.TrimSuffix(key, "/")+"/")
			} else {
				got = filesOf(t, way.out)
			}
			for _, table := range []string{"results", "detections", "occurrences"} {
				g, w := tableRows(t, got, table), tableRows(t, want, table)
				if len(w) == 0 || !slices.Equal(g, w) {
					t.Errorf("%s: %d rows, want %d", table, len(g), len(w))
				}
			}
			var summary convert.Summary
			if err := json.Unmarshal([]byte(r.stdout), &summary); err != nil || summary.Objects.Converted == 0 {
				t.Errorf("%v: %s", err, r.stdout)
			}
		})
	}
}

var _ = http.MethodGet
