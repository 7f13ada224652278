package s3input

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/macielake/macielake/internal/pqread"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/store"
)

// manifest is a report of S3 Inventory (S3 user guide, "Amazon S3 Inventory
// manifest").
type manifest struct {
	SourceBucket      string `json:"sourceBucket"`
	DestinationBucket string `json:"destinationBucket"` // an ARN
	FileFormat        string `json:"fileFormat"`
	FileSchema        string `json:"fileSchema"`
	Files             []struct {
		Key string `json:"key"`
	} `json:"files"`
}

// maxManifest is the length of a manifest in bytes. A report has one file for some
// millions of objects.
const maxManifest = 8 << 20

// ManifestError says why a manifest, or a file of its report, can't be used.
type ManifestError struct {
	URI  string
	Why  string
	Err  error // may be nil
	Hint string
}

func (e *ManifestError) Error() string {
	s := e.URI + ": " + e.Why
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *ManifestError) Unwrap() error { return e.Err }

// inventory reads a report at the place that its manifest names, or beside a manifest in
// a local directory.
type inventory struct {
	c    *s3.Client
	name string // manifest, as the user wrote it
	m    manifest
	dir  string // directory of a local manifest; empty for one in S3
}

// NewInventory returns the origin of the objects in an S3 Inventory report, whose
// manifest.json is at an s3:// URI or in a local file. The files of a local report are
// found beside the manifest by the last segments of their keys. Reports are in CSV or
// Parquet. With inputs, only the objects in them are used. Of versioned objects, only
// the latest versions are used.
func NewInventory(ctx context.Context, o *Origin, uri string, inputs []string) (*Keys, error) {
	inv := &inventory{c: o.c, name: uri}
	if err := inv.load(ctx); err != nil {
		return nil, err
	}
	for _, in := range inputs {
		if bucket, _, err := s3.ParseURI(in); err != nil {
			return nil, err
		} else if bucket != inv.m.SourceBucket {
			return nil, &ManifestError{URI: uri, Why: fmt.Sprintf("it is of the bucket %s, not of %s", inv.m.SourceBucket, bucket)}
		}
	}
	return &Keys{o: o, name: uri, within: inputs, scan: func(ctx context.Context, each func(string, s3.Object) error) error {
		for _, f := range inv.m.Files {
			err := inv.scan(ctx, f.Key, func(o s3.Object) error { return each(inv.m.SourceBucket, o) })
			if err != nil {
				return err
			}
		}
		return nil
	}}, nil
}

func (inv *inventory) load(ctx context.Context) error {
	r, err := inv.openManifest(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", inv.name, err)
	}
	if len(data) > maxManifest {
		return &ManifestError{URI: inv.name, Why: fmt.Sprintf("it is longer than %d MiB", maxManifest>>20), Hint: "name the report's manifest.json"}
	}
	if err := json.Unmarshal(data, &inv.m); err != nil {
		return &ManifestError{URI: inv.name, Why: "it is not a manifest of S3 Inventory", Err: err,
			Hint: "name the report's manifest.json"}
	}
	switch {
	case inv.m.SourceBucket == "" || inv.m.FileFormat == "":
		return &ManifestError{URI: inv.name, Why: "it is not a manifest of S3 Inventory", Hint: "name the report's manifest.json"}
	case inv.m.FileFormat == "ORC":
		return &ManifestError{URI: inv.name, Why: "its report is in ORC, which macielake can't read",
			Hint: "configure the inventory to be in CSV or Parquet, or leave out --inventory to list the bucket"}
	case inv.m.FileFormat != "CSV" && inv.m.FileFormat != "Parquet":
		return &ManifestError{URI: inv.name, Why: "its report is in an unknown format", Hint: "configure the inventory to be in CSV or Parquet"}
	}
	return nil
}

func (inv *inventory) openManifest(ctx context.Context) (io.ReadCloser, error) {
	if !s3.IsURI(inv.name) {
		inv.dir = path.Dir(inv.name)
		return os.Open(inv.name)
	}
	bucket, key, err := s3.ParseURI(inv.name)
	if err != nil {
		return nil, err
	}
	b, err := inv.c.Bucket(ctx, bucket)
	if err != nil {
		return nil, err
	}
	return b.Get(ctx, s3.Object{Key: key, Size: -1})
}

// open opens a file of the report.
func (inv *inventory) open(ctx context.Context, key string) (store.File, error) {
	if inv.dir != "" {
		return inv.openLocal(key)
	}
	name := inv.m.DestinationBucket[strings.LastIndexByte(inv.m.DestinationBucket, ':')+1:]
	if name == "" {
		name, _, _ = s3.ParseURI(inv.name)
	}
	b, err := inv.c.Bucket(ctx, name)
	if err != nil {
		return nil, err
	}
	return b.OpenAt(ctx, key)
}

// openLocal finds a copy of a file by the longest end of its key that exists.
func (inv *inventory) openLocal(key string) (store.File, error) {
	segments := strings.Split(path.Clean("/" + key)[1:], "/")
	for i := range segments {
		for _, dir := range []string{inv.dir, path.Dir(inv.dir)} { // data/ lies beside the manifest's own directory
			f, err := os.Open(path.Join(dir, path.Join(segments[i:]...)))
			if err != nil {
				continue
			}
			info, err := f.Stat()
			if err == nil && info.Mode().IsRegular() {
				return localFile{f, info.Size()}, nil
			}
			f.Close()
		}
	}
	return nil, &ManifestError{URI: inv.name, Why: "a file of its report isn't beside it: " + key}
}

type localFile struct {
	*os.File
	size int64
}

func (f localFile) Size() int64 { return f.size }

// scan reads a file of the report.
func (inv *inventory) scan(ctx context.Context, key string, each func(s3.Object) error) error {
	f, err := inv.open(ctx, key)
	if err != nil {
		return err
	}
	defer f.Close()
	if inv.m.FileFormat == "CSV" {
		err = inv.scanCSV(ctx, f, each)
	} else {
		err = scanParquet(ctx, f, each)
	}
	var broken *reportError
	if errors.As(err, &broken) {
		return &ManifestError{URI: inv.name, Why: "a file of its report can't be used: " + key, Err: broken.err}
	}
	return err
}

// reportError says that a file of a report isn't in the format of S3 Inventory.
type reportError struct{ err error }

func (e *reportError) Error() string { return e.err.Error() }

// The columns that are read.
const (
	keyColumn = iota
	sizeColumn
	etagColumn
	modifiedColumn
	latestColumn
	deletedColumn
	columns
)

// columnNames returns the names of the columns in CSV and in Parquet.
func columnNames() [2][columns]string {
	return [2][columns]string{
		{"Key", "Size", "ETag", "LastModifiedDate", "IsLatest", "IsDeleteMarker"},
		{"key", "size", "e_tag", "last_modified_date", "is_latest", "is_delete_marker"},
	}
}

func (inv *inventory) scanCSV(ctx context.Context, f store.File, each func(s3.Object) error) error {
	zip, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(f, 0, f.Size()), csvRead))
	if err != nil {
		return &reportError{err}
	}
	var names []string
	for name := range strings.SplitSeq(inv.m.FileSchema, ",") {
		names = append(names, strings.TrimSpace(name))
	}
	var at [columns]int
	for i, name := range columnNames()[0] {
		at[i] = slices.Index(names, name)
	}
	if at[keyColumn] < 0 {
		return &reportError{errors.New("it has no column for the key")}
	}
	bounded := &recordReader{r: zip}
	rows := csv.NewReader(bounded)
	rows.ReuseRecord, rows.FieldsPerRecord = true, len(names)
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		bounded.end = rows.InputOffset() + maxRecord
		row, err := rows.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &reportError{err}
		}
		get := func(column int) string {
			if at[column] < 0 {
				return ""
			}
			return row[at[column]]
		}
		if get(deletedColumn) == "true" || get(latestColumn) == "false" {
			continue
		}
		// Only keys are URL-encoded.
		key, err := url.QueryUnescape(get(keyColumn))
		if err != nil {
			return &reportError{err}
		}
		o := s3.Object{Key: key, ETag: get(etagColumn)}
		if text := get(sizeColumn); text != "" {
			if o.Size, err = strconv.ParseInt(text, 10, 64); err != nil {
				return &reportError{err}
			}
		}
		if text := get(modifiedColumn); text != "" {
			if o.Modified, err = time.Parse(time.RFC3339, text); err != nil {
				return &reportError{err}
			}
		}
		if err := each(o); err != nil {
			return err
		}
	}
}

// csvRead is the number of bytes of a CSV report requested at a time.
const csvRead = 4 << 20

// maxRecord is the length of a record of a CSV report in bytes: a key of 1,024 bytes
// takes at most 3,072 escaped, and the other columns are short.
const maxRecord = 64 << 10

// recordReader bounds a record, so that a quote that is never closed doesn't bring the
// whole report into memory.
type recordReader struct {
	r   io.Reader
	at  int64 // bytes read so far
	end int64 // bytes that may be read
}

func (r *recordReader) Read(p []byte) (int, error) {
	if r.at >= r.end {
		return 0, errLongRecord
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.end-r.at)])
	r.at += int64(n)
	return n, err
}

var errLongRecord = fmt.Errorf("a record is longer than %d bytes", maxRecord)

// reportRows is the number of rows of a Parquet report read at a time.
const reportRows = 16 << 10

func scanParquet(ctx context.Context, f store.File, each func(s3.Object) error) error {
	in, err := pqread.Open(io.NewSectionReader(f, 0, f.Size()))
	if err != nil {
		return &reportError{err}
	}
	defer in.Close()
	var wanted []string
	var at [columns]int
	for i, name := range columnNames()[1] {
		if at[i] = -1; len(in.Leaves(name)) > 0 {
			at[i] = len(wanted)
			wanted = append(wanted, name)
		}
	}
	if at[keyColumn] < 0 {
		return &reportError{errors.New("it has no column for the key")}
	}
	for group := range in.NumRowGroups() {
		inEach := false
		err := in.Read(ctx, group, wanted, reportRows, func(batch arrow.RecordBatch) error {
			defer batch.Release()
			err := eachRow(batch, at[:], each)
			inEach = err != nil
			return err
		})
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if inEach {
			return err
		}
		return &reportError{err}
	}
	return nil
}

// eachRow calls each for the objects in a batch of rows.
func eachRow(batch arrow.RecordBatch, at []int, each func(s3.Object) error) error {
	column := func(c int) arrow.Array {
		if at[c] < 0 {
			return array.NewNull(int(batch.NumRows()))
		}
		return batch.Column(at[c])
	}
	keys, ok := column(keyColumn).(*array.String)
	if !ok {
		return &reportError{errors.New("its keys are not strings")}
	}
	isFalse := func(a arrow.Array, i int) bool {
		b, ok := a.(*array.Boolean)
		return ok && b.IsValid(i) && !b.Value(i)
	}
	isTrue := func(a arrow.Array, i int) bool {
		b, ok := a.(*array.Boolean)
		return ok && b.IsValid(i) && b.Value(i)
	}
	sizes, etags, times := column(sizeColumn), column(etagColumn), column(modifiedColumn)
	latest, deleted := column(latestColumn), column(deletedColumn)
	for i := range int(batch.NumRows()) {
		if keys.IsNull(i) || isTrue(deleted, i) || isFalse(latest, i) {
			continue
		}
		o := s3.Object{Key: strings.Clone(keys.Value(i))}
		if a, ok := sizes.(*array.Int64); ok && a.IsValid(i) {
			o.Size = a.Value(i)
		}
		if a, ok := etags.(*array.String); ok && a.IsValid(i) {
			o.ETag = strings.Clone(a.Value(i))
		}
		if a, ok := times.(*array.Timestamp); ok && a.IsValid(i) {
			o.Modified = a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit)
		}
		if err := each(o); err != nil {
			return err
		}
	}
	return nil
}
