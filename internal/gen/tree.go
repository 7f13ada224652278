package gen

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
)

// gzipLevel compresses about as well as Macie's own files. The library's output at
// a level is fixed within one of its versions.
const gzipLevel = 6

// tree writes the files of one sample and keeps its counts.
type tree struct {
	dir      string
	expected Expected // without the counts that tally has
	tally    *tally
	gz       *gzip.Writer
}

func newTree(dir string, opts Options) *tree {
	gz, err := gzip.NewWriterLevel(nil, gzipLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return &tree{dir: dir, gz: gz, tally: newTally(), expected: Expected{
		Seed: opts.Seed, Profile: opts.Profile, Encoding: opts.Encoding, Size: opts.Size,
		Rejects:      Rejects{Lines: []LineReject{}, Sources: []SourceReject{}},
		ConvertFlags: []string{},
	}}
}

// counts returns the counts of the files written so far.
func (t *tree) counts() Expected {
	e := t.expected
	e.Rows, e.OccurrencesByKind, e.SumOfCounts = t.tally.rows, t.tally.kinds, t.tally.sumOfCounts
	e.ByType, e.UnknownFields = t.tally.byType, t.tally.unknown
	return e
}

// create opens the file rel (with slashes) for writing and creates its directories.
func (t *tree) create(rel string) (*os.File, error) {
	path := filepath.Join(t.dir, filepath.FromSlash(rel))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("sample source: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("sample source: %w", err)
	}
	return f, nil
}

// closeAt closes f and sets its modification time, in milliseconds since 1970, so
// that no reader's output depends on when the sample was made.
func closeAt(f *os.File, ms int64) error {
	if err := f.Close(); err != nil {
		return fmt.Errorf("sample source: %w", err)
	}
	at := time.UnixMilli(ms)
	if err := os.Chtimes(f.Name(), at, at); err != nil {
		return fmt.Errorf("sample source: %w", err)
	}
	return nil
}

// writeFile writes a whole file with the modification time ms.
func (t *tree) writeFile(rel string, b []byte, ms int64) error {
	f, err := t.create(rel)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return fmt.Errorf("sample source: %w", err)
	}
	return closeAt(f, ms)
}

// writeSkipped adds files that aren't results: the test object that Macie writes when
// it is set up, and others that are often stored beside results.
func (t *tree) writeSkipped() error {
	for _, s := range []struct{ rel, text string }{
		{"macie-test-object", "macie-test-object"},
		{"_SUCCESS", ""},
		{"AWSLogs/inventory.json", `{"files":[]}` + "\n"},
	} {
		if err := t.writeFile(s.rel, []byte(s.text), baseTime); err != nil {
			return err
		}
		t.expected.SkippedFiles++
	}
	return nil
}

// source writes one gzip source as a stream. A tree has one open at a time.
type source struct {
	tree     *tree
	file     *os.File
	inflated int64
}

func (t *tree) open(rel string) (*source, error) {
	f, err := t.create(rel)
	if err != nil {
		return nil, err
	}
	t.gz.Reset(f)
	return &source{tree: t, file: f}, nil
}

// write appends complete lines.
func (o *source) write(b []byte) error {
	o.inflated += int64(len(b))
	if _, err := o.tree.gz.Write(b); err != nil {
		return fmt.Errorf("sample source: %w", err)
	}
	return nil
}

// close completes the source and counts it and its lines. ms is its modification
// time.
func (o *source) close(ms int64, lines *tally) error {
	err := o.tree.gz.Close()
	var size int64
	if err == nil {
		var info os.FileInfo
		if info, err = o.file.Stat(); err == nil {
			size = info.Size()
		}
	}
	if err != nil {
		o.file.Close()
		return fmt.Errorf("sample source: %w", err)
	}
	e := &o.tree.expected
	e.Sources++
	e.Lines += lines.rows.Results
	e.InflatedBytes += o.inflated
	e.CompressedBytes += size
	o.tree.tally.add(lines)
	return closeAt(o.file, ms)
}

// abort closes the file of a source that can't be finished.
func (o *source) abort() { o.file.Close() }

// gzipMember returns b as one gzip member.
func (t *tree) gzipMember(b []byte) []byte {
	var out bytes.Buffer
	t.gz.Reset(&out)
	t.gz.Write(b) // never fails on a bytes.Buffer
	t.gz.Close()
	return out.Bytes()
}
