package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// source is an object to convert.
type source struct {
	schema.Source
	region string // as the key shows it, for packing
	size   int64  // stored bytes, -1 where it isn't known
	path   string // to open; empty for stdin
}

// NotFoundError says that an input isn't there, or that none of the inputs
// holds a discovery result.
type NotFoundError struct {
	Input   string // empty if none of them had any
	Skipped int64  // files that aren't results by their names
}

func (e *NotFoundError) Error() string {
	if e.Input != "" {
		return fmt.Sprintf("%s: no such file, directory or glob match", e.Input)
	}
	return fmt.Sprintf("no discovery results found: looked for files named *.jsonl.gz or *.jsonl (%d others skipped)", e.Skipped)
}

// InsideOutputError says that an input lies in the output.
type InsideOutputError struct{ Input, Out string }

func (e *InsideOutputError) Error() string {
	return fmt.Sprintf("the input %s lies inside the output %s", e.Input, e.Out)
}

// stdinInput is the input, and the source_uri, of standard input.
const stdinInput = "-"

// finder collects sources from inputs.
type finder struct {
	ctx     context.Context
	out     string // real path of the output, which is never an input
	log     *slog.Logger
	sources []source
	skipped int64
	files   map[string]bool // real paths
	dirs    map[string]bool
}

// find returns the sources of the inputs, and how many files were skipped for
// their names. A directory that can't be listed is an error; a file that can't
// be read is a source that will turn out to be unreadable.
func find(ctx context.Context, o *Options) ([]source, int64, error) {
	out, err := realPath(o.Out)
	if err != nil {
		return nil, 0, fmt.Errorf("finding %s: %w", o.Out, err)
	}
	f := &finder{ctx: ctx, out: out, log: o.Log, files: make(map[string]bool), dirs: make(map[string]bool)}
	for _, input := range o.Inputs {
		if err := f.input(input); err != nil {
			return nil, 0, err
		}
	}
	if len(f.sources) == 0 {
		return nil, f.skipped, &NotFoundError{Skipped: f.skipped}
	}
	return f.sources, f.skipped, nil
}

// realPath is the absolute path with symbolic links resolved as far as it
// exists.
func realPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) {
		parent := filepath.Dir(abs)
		if parent == abs {
			return abs, nil
		}
		if real, err = realPath(parent); err != nil {
			return "", err
		}
		return filepath.Join(real, filepath.Base(abs)), nil
	}
	return real, err
}

func (f *finder) input(input string) error {
	if input == stdinInput {
		if !f.files[stdinInput] {
			f.files[stdinInput] = true
			f.sources = append(f.sources, source{Source: schema.Source{URI: stdinInput}, size: -1})
		}
		return nil
	}
	_, err := os.Lstat(input)
	if err == nil {
		if real, err := realPath(input); err == nil && f.inOutput(real) {
			return &InsideOutputError{Input: input, Out: f.out}
		}
		return f.add(input)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	matches, globErr := filepath.Glob(input)
	if globErr != nil || len(matches) == 0 {
		return &NotFoundError{Input: input}
	}
	for _, m := range matches {
		if err := f.add(m); err != nil {
			return err
		}
	}
	return nil
}

// add takes a file, or what is in a directory.
func (f *finder) add(path string) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	real, err := realPath(path)
	if err != nil {
		return f.unreadable(path, err)
	}
	// A dataset's state holds files that look like results, and none is one.
	if slices.Contains(strings.Split(real, string(filepath.Separator)), store.StateDir) {
		f.log.Info("passed over the state of a dataset", "path", path)
		return nil
	}
	info, err := os.Stat(real)
	if err != nil {
		return f.unreadable(path, err)
	}
	if !info.IsDir() {
		f.file(path, real, info)
		return nil
	}
	if f.dirs[real] || f.inOutput(real) {
		return nil
	}
	f.dirs[real] = true
	entries, err := os.ReadDir(real)
	if err != nil {
		return fmt.Errorf("listing %s: %w", path, err)
	}
	for _, e := range entries {
		child := filepath.Join(path, e.Name())
		if e.Type().IsRegular() { // no links to resolve
			info, err := e.Info()
			if err != nil {
				err = f.unreadable(child, err)
			} else {
				f.file(child, filepath.Join(real, e.Name()), info)
			}
			if err != nil {
				return err
			}
			continue
		}
		if err := f.add(child); err != nil {
			return err
		}
	}
	return nil
}

// inOutput reports whether a real path is the output or lies in it.
func (f *finder) inOutput(real string) bool {
	return real == f.out || strings.HasPrefix(real, f.out+string(filepath.Separator))
}

func isResult(name string) bool {
	return strings.HasSuffix(name, ".jsonl.gz") || strings.HasSuffix(name, ".jsonl")
}

func (f *finder) skipFile(path string) {
	f.skipped++
	f.log.Info("skipped a file that is no result by its name", "path", path)
}

func (f *finder) file(path, real string, info fs.FileInfo) {
	if !info.Mode().IsRegular() || !isResult(filepath.Base(path)) {
		f.skipFile(path)
		return
	}
	if f.files[real] || f.inOutput(real) {
		return
	}
	f.files[real] = true
	f.sources = append(f.sources, newSource(real, info.Size(), info.ModTime().UnixMilli(),
		strconv.FormatInt(info.Size(), 10)+"-"+strconv.FormatInt(info.ModTime().UnixNano(), 10)))
}

// unreadable keeps a result that can't even be looked at as a source: reading
// it will fail, and say so.
func (f *finder) unreadable(path string, err error) error {
	if !isResult(filepath.Base(path)) {
		info, statErr := os.Lstat(path)
		if statErr == nil && info.Mode()&fs.ModeSymlink != 0 { // dangling, or a loop
			f.skipFile(path)
			return nil
		}
		return fmt.Errorf("listing %s: %w", path, err)
	}
	abs, absErr := filepath.Abs(path)
	if absErr != nil {
		return absErr
	}
	if !f.files[abs] {
		f.files[abs] = true
		f.sources = append(f.sources, newSource(abs, -1, 0, ""))
	}
	return nil
}

func newSource(path string, size, lastModified int64, etag string) source {
	admin, region := fromKey(filepath.ToSlash(path))
	return source{
		Source: schema.Source{URI: localURI(path), ETag: etag, AdminAccountID: admin, LastModified: lastModified},
		region: region, size: size, path: path,
	}
}

// localURI is the source_uri of a file: its path, or where that is no UTF-8, and
// so no text, a file URI with every byte escaped that RFC 3986 doesn't call
// unreserved, but the slash.
func localURI(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var uri strings.Builder
	uri.WriteString("file://")
	for i := range len(path) {
		c := path[i]
		if letter := c | 0x20; 'a' <= letter && letter <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			uri.WriteByte(c)
		} else {
			fmt.Fprintf(&uri, "%%%02X", c)
		}
	}
	return uri.String()
}

// fromKey returns the administrator account and the region that a key names:
// …/AWSLogs/ADMIN_ACCOUNT/Macie/REGION/… (Macie user guide, "Storing and
// retaining sensitive data discovery results"). What isn't text is not taken.
func fromKey(key string) (admin, region string) {
	segments := strings.Split(key, "/")
	for i := len(segments) - 4; i >= 0; i-- {
		if segments[i] == "AWSLogs" && segments[i+2] == "Macie" &&
			utf8.ValidString(segments[i+1]) && utf8.ValidString(segments[i+3]) {
			return segments[i+1], segments[i+3]
		}
	}
	return "", ""
}

// open opens the source for a reading.
func (s *source) open(ctx context.Context, stdin io.Reader) (io.ReadCloser, error) {
	if s.path == "" {
		return interruptible(ctx, stdin), nil
	}
	return os.Open(s.path)
}

// interruptible reads from r until ctx ends. A read of a terminal or pipe can't
// be interrupted: the goroutine that is in one then is left to it.
func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	out, in := io.Pipe()
	go func() {
		_, err := io.Copy(in, r)
		in.CloseWithError(err)
	}()
	stop := context.AfterFunc(ctx, func() { in.CloseWithError(ctx.Err()) })
	return &interruptibleReader{out, stop}
}

type interruptibleReader struct {
	*io.PipeReader
	stop func() bool
}

func (r *interruptibleReader) Close() error {
	r.stop()
	return r.PipeReader.Close()
}

// sortSources puts sources in the order in which parts are packed.
func sortSources(sources []source) {
	slices.SortFunc(sources, func(a, b source) int {
		if c := strings.Compare(a.region, b.region); c != 0 {
			return c
		}
		return strings.Compare(a.URI, b.URI)
	})
}
