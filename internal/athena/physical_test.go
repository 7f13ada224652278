package athena_test

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/sink"
	"github.com/macielake/macielake/pkg/stream"
)

// TestPhysicalSchema checks that converted files use only what Trino, and so Athena,
// can read:
// https://trino.io/docs/current/object-storage/file-formats.html and the
// Parquet format's LogicalTypes.md and Encodings.md.
func TestPhysicalSchema(t *testing.T) {
	for _, test := range []struct {
		compression string
		keys        []sink.PartitionKey
	}{
		{"zstd", []sink.PartitionKey{sink.ByCreatedMonth}},
		{"snappy", []sink.PartitionKey{sink.ByRegion, sink.ByAccount, sink.ByJob, sink.ByCreatedDate}},
		{"none", nil},
	} {
		t.Run(test.compression, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "lake")
			lake, err := store.CreateLocal(out)
			if err != nil {
				t.Fatal(err)
			}
			defer lake.Close()
			_, err = convert.Run(t.Context(), convert.Options{
				Inputs: []string{"../../testdata/mixed", "../../testdata/archives"}, Origins: []input.Origin{input.Local{}}, Out: lake,
				TableFormat: "parquet", Tables: []string{"results", "detections", "occurrences"}, Compression: test.compression,
				PartitionBy: test.keys, TargetFileSize: 256 << 20, PartSize: 64 << 20, Workers: 1, Limits: stream.DefaultLimits(),
				MaxRejects: -1, Version: "test", Progress: &run.Progress{}, Log: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			files := 0
			err = fs.WalkDir(os.DirFS(out), ".", func(name string, e fs.DirEntry, err error) error {
				if err == nil && filepath.Ext(name) == ".parquet" {
					files++
					checkFile(t, filepath.Join(out, name), name)
				}
				return err
			})
			if err != nil || files < 4 {
				t.Fatal(files, err)
			}
		})
	}
}

// checkFile reports parts of a file that Trino may not be able to read.
func checkFile(t *testing.T, path, name string) {
	t.Helper()
	r, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	root := r.MetaData().Schema.Root()
	seen := map[string]bool{}
	for i := range root.NumFields() {
		node := root.Field(i)
		lower := strings.ToLower(node.Name())
		if lower != node.Name() || seen[lower] {
			t.Errorf("%s: the name of the column %s isn't in lower case, or isn't unique", name, node.Name())
		}
		seen[lower] = true
		if node.RepetitionType() != parquet.Repetitions.Optional {
			t.Errorf("%s: %s isn't optional", name, node.Name())
		}
		if group, ok := node.(*schema.GroupNode); ok {
			checkMap(t, name, group)
		} else {
			checkLeaf(t, name, node.(*schema.PrimitiveNode))
		}
	}
	for level := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(name)), "/") {
		if key, _, ok := strings.Cut(level, "="); ok && seen[key] {
			t.Errorf("%s: %s is both in the file and a partition", name, key)
		}
	}
	for g := range r.NumRowGroups() {
		group := r.RowGroup(g)
		for c := range group.NumColumns() {
			chunk, err := group.MetaData().ColumnChunk(c)
			if err != nil {
				t.Fatal(err)
			}
			checkChunk(t, name, chunk)
			checkPages(t, name, group, c)
		}
	}
}

func checkLeaf(t *testing.T, name string, node *schema.PrimitiveNode) {
	t.Helper()
	logical := node.LogicalType()
	ok := false
	switch node.PhysicalType() {
	case parquet.Types.Boolean:
		ok = logical.Equals(schema.NoLogicalType{}) && node.ConvertedType() == schema.ConvertedTypes.None
	case parquet.Types.Int32:
		ok = logical.Equals(schema.NoLogicalType{}) && node.ConvertedType() == schema.ConvertedTypes.None
	case parquet.Types.Int64:
		if stamp, is := logical.(schema.TimestampLogicalType); is {
			ok = stamp.IsAdjustedToUTC() && stamp.TimeUnit() == schema.TimeUnitMicros &&
				node.ConvertedType() == schema.ConvertedTypes.TimestampMicros
		} else {
			// arrow-go annotates the integers of the table runs as signed.
			_, isInt := logical.(schema.IntLogicalType)
			ok = logical.Equals(schema.NoLogicalType{}) || isInt && node.ConvertedType() == schema.ConvertedTypes.Int64
		}
	case parquet.Types.ByteArray:
		ok = logical.Equals(schema.StringLogicalType{}) && node.ConvertedType() == schema.ConvertedTypes.UTF8
	}
	if !ok {
		t.Errorf("%s: the column %s is %s, %s, %s", name, node.Path(), node.PhysicalType(), logical, node.ConvertedType())
	}
}

// checkMap reports a map without the standard layout: LogicalTypes.md, "Maps".
func checkMap(t *testing.T, name string, node *schema.GroupNode) {
	t.Helper()
	bad := func() { t.Errorf("%s: the map %s does not have the standard layout", name, node.Name()) }
	if !node.LogicalType().Equals(schema.MapLogicalType{}) || node.ConvertedType() != schema.ConvertedTypes.Map || node.NumFields() != 1 {
		bad()
		return
	}
	entries, ok := node.Field(0).(*schema.GroupNode)
	if !ok || entries.Name() != "key_value" || entries.RepetitionType() != parquet.Repetitions.Repeated || entries.NumFields() != 2 ||
		entries.Field(0).Name() != "key" || entries.Field(0).RepetitionType() != parquet.Repetitions.Required ||
		entries.Field(1).Name() != "value" || entries.Field(1).RepetitionType() != parquet.Repetitions.Optional {
		bad()
		return
	}
	checkLeaf(t, name, entries.Field(0).(*schema.PrimitiveNode))
	checkLeaf(t, name, entries.Field(1).(*schema.PrimitiveNode))
}

func checkChunk(t *testing.T, name string, chunk *metadata.ColumnChunkMetaData) {
	t.Helper()
	for _, e := range chunk.Encodings() {
		// Integers of locations may be delta-encoded, which Trino can read.
		if e == parquet.Encodings.DeltaBinaryPacked && strings.HasPrefix(name, "occurrences/") && chunk.Type() == parquet.Types.Int64 {
			continue
		}
		if !slices.Contains([]parquet.Encoding{parquet.Encodings.Plain, parquet.Encodings.RLE, parquet.Encodings.RLEDict}, e) {
			t.Errorf("%s: %s has the encoding %s", name, chunk.PathInSchema(), e)
		}
	}
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Zstd}
	if !slices.Contains(codecs, chunk.Compression()) {
		t.Errorf("%s: %s is compressed with %s", name, chunk.PathInSchema(), chunk.Compression())
	}
	if chunk.HasIndexPage() {
		t.Errorf("%s: %s has an index page", name, chunk.PathInSchema())
	}
}

func checkPages(t *testing.T, name string, group *file.RowGroupReader, column int) {
	t.Helper()
	pages, err := group.GetColumnPageReader(column)
	if err != nil {
		t.Fatal(err)
	}
	data := 0
	for pages.Next() {
		switch page := pages.Page().(type) {
		case *file.DataPageV1:
			data++
			if page.DefinitionLevelEncoding() != parquet.Encodings.RLE || page.RepetitionLevelEncoding() != parquet.Encodings.RLE {
				t.Errorf("%s: column %d has levels that aren't RLE", name, column)
			}
		case *file.DictionaryPage:
			if parquet.Encoding(page.Encoding()) != parquet.Encodings.Plain {
				t.Errorf("%s: column %d has a dictionary in %s", name, column, page.Encoding())
			}
		default:
			t.Errorf("%s: column %d has a page of type %T", name, column, page)
		}
	}
	if err := pages.Err(); err != nil || data == 0 {
		t.Errorf("%s: column %d has %d data pages: %v", name, column, data, err)
	}
}
