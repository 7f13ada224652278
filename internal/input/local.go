package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Local is the origin of files: paths, directories and globs. The zero value is
// ready to use.
type Local struct{}

// Has implements Origin: what isn't anything else is a path.
func (Local) Has(string) bool { return true }

// List implements Origin.
func (o Local) List(ctx context.Context, input string, l *Listing, each func(Source) error) error {
	out := ""
	if l.Output != "" {
		var err error
		if out, err = realPath(l.Output); err != nil {
			return fmt.Errorf("finding %s: %w", l.Output, err)
		}
	}
	f := &finder{ctx: ctx, origin: o, out: out, l: l, each: each}
	return f.input(input)
}

// ChangedError says that a file isn't the one that was listed any more, or that it
// was written while it was read. What was read of it belongs to no version.
type ChangedError struct {
	Path string
	When string // "since it was listed", "while it was read"
}

func (e *ChangedError) Error() string { return e.Path + " has changed " + e.When }

// Open implements Origin. What is read is the file that was listed, from beginning
// to end: a file that changes before or meanwhile gives a ChangedError.
func (Local) Open(_ context.Context, s *Source) (io.ReadCloser, error) {
	path := localPath(s.URI)
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	before, err := f.status()
	if err == nil && s.ETag != "" && s.ETag != before.version() {
		err = &ChangedError{path, "since it was listed"}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &watchedFile{openFile: f, path: path, before: before}, nil
}

// openFile is an open file that can say what it is.
type openFile interface {
	io.ReadCloser
	status() (status, error)
}

// watchedFile is a file that must not change while it is read.
type watchedFile struct {
	openFile
	path   string
	before status
	read   int64 // bytes so far
}

// Read returns io.EOF with the last bytes: most files are read by one call.
func (f *watchedFile) Read(p []byte) (int, error) {
	n, err := f.openFile.Read(p)
	f.read += int64(n)
	if err == io.EOF || err == nil && n > 0 && f.read == f.before.size {
		after, statErr := f.status()
		switch {
		case statErr != nil:
			err = statErr
		case after.size != f.before.size || !after.modified.Equal(f.before.modified):
			err = &ChangedError{f.path, "while it was read"}
		default:
			err = io.EOF
		}
	}
	return n, err
}

// finder lists one input.
type finder struct {
	ctx    context.Context
	origin Local
	out    string // real path of the output, which is never an input
	l      *Listing
	each   func(Source) error
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
		f.l.Log.Info("passed over the state of a dataset", "path", path)
		return nil
	}
	info, err := os.Stat(real)
	if err != nil {
		return f.unreadable(path, err)
	}
	if !info.IsDir() {
		return f.file(path, real, statusOf(info), f.firstAlone)
	}
	return f.dir(path, real, readAhead(real))
}

// dir takes what is in a directory, whose real path is known. Each directory in it
// is read while the one before is gone through.
func (f *finder) dir(path, real string, read *dirReading) error {
	defer read.wait()
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if f.inOutput(real) || !f.l.First(real) {
		return nil
	}
	entries, err := read.wait()
	if err != nil {
		return fmt.Errorf("listing %s: %w", path, err)
	}
	next := readNext(real, entries)
	defer func() { next.wait() }()
	for i := range entries {
		e := &entries[i]
		realChild := inside(real, e.Name())
		child := realChild
		if real != path {
			child = filepath.Join(path, e.Name())
		}
		switch {
		case e.Type().IsRegular() && e.err != nil:
			err = f.unreadable(child, e.err)
		case e.Type().IsRegular(): // no links to resolve, here and below
			err = f.file(child, realChild, e.status, f.l.FirstInside)
		case e.isSearched():
			here := next
			next = readNext(real, entries[i+1:])
			err = f.dir(child, realChild, here)
		default:
			err = f.add(child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// status is what a listing needs to know of a file.
type status struct {
	regular  bool
	size     int64
	modified time.Time
}

// version tells versions of a file apart: by size and time, as a file has no better
// name for them.
func (s status) version() string {
	return strconv.FormatInt(s.size, 10) + "-" + strconv.FormatInt(s.modified.UnixNano(), 10)
}

func statusOf(info fs.FileInfo) status {
	return status{info.Mode().IsRegular(), info.Size(), info.ModTime()}
}

// dirEntry is an entry of a directory, with its status if it is a regular file and
// by its name a result.
type dirEntry struct {
	fs.DirEntry
	status status
	err    error // of the status
}

// isSearched reports whether it is a directory to look for results in.
func (e *dirEntry) isSearched() bool { return e.IsDir() && e.Name() != store.StateDir }

// dirReading is a directory that is being read.
type dirReading struct {
	done    chan struct{} // closed once it is read
	entries []dirEntry
	err     error
}

func readAhead(path string) *dirReading {
	r := &dirReading{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.entries, r.err = readDir(path)
	}()
	return r
}

// readNext begins to read the first directory among entries, which is nil if there
// is none.
func readNext(parent string, entries []dirEntry) *dirReading {
	for i := range entries {
		if e := &entries[i]; e.isSearched() {
			return readAhead(inside(parent, e.Name()))
		}
	}
	return nil
}

// wait returns what was read once it is.
func (r *dirReading) wait() ([]dirEntry, error) {
	if r == nil {
		return nil, nil
	}
	<-r.done
	return r.entries, r.err
}

// readDir returns the entries of a directory by their names. It has closed it by
// then: those below it may be many.
func readDir(path string) ([]dirEntry, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	entries := make([]dirEntry, len(names))
	for i, e := range names {
		entries[i].DirEntry = e
		if e.Type().IsRegular() && keylayout.IsResult(e.Name()) {
			entries[i].status, entries[i].err = lstat(dir, e)
		}
	}
	return entries, nil
}

// inside is filepath.Join for a real path, which is clean already.
func inside(real, name string) string {
	if strings.HasSuffix(real, string(filepath.Separator)) { // a root
		return real + name
	}
	return real + string(filepath.Separator) + name
}

// inOutput reports whether a real path is the output or lies in it.
func (f *finder) inOutput(real string) bool {
	return f.out != "" && (real == f.out || strings.HasPrefix(real, f.out+string(filepath.Separator)))
}

// file takes a file, which first says to be one that wasn't taken before.
func (f *finder) file(path, real string, s status, first func(real string) bool) error {
	if !s.regular || !keylayout.IsResult(filepath.Base(path)) {
		f.l.Skip(path)
		return nil
	}
	if f.inOutput(real) || !first(real) {
		return nil
	}
	return f.source(real, s.size, s.modified.UnixMicro(), s.version())
}

// firstAlone is first of a file that isn't come upon in its directory.
func (f *finder) firstAlone(real string) bool {
	dir, name := filepath.Split(real)
	if !keylayout.IsResult(name) { // a link's name alone makes it one
		return f.l.First(real)
	}
	return f.l.FirstAlone(filepath.Clean(dir), real)
}

// unreadable keeps a result that can't even be looked at as a source: reading
// it will fail, and say so.
func (f *finder) unreadable(path string, err error) error {
	if !keylayout.IsResult(filepath.Base(path)) {
		info, statErr := os.Lstat(path)
		if statErr == nil && info.Mode()&fs.ModeSymlink != 0 { // dangling, or a loop
			f.l.Skip(path)
			return nil
		}
		return fmt.Errorf("listing %s: %w", path, err)
	}
	abs, absErr := filepath.Abs(path)
	if absErr != nil {
		return absErr
	}
	if !f.l.First(abs) {
		return nil
	}
	return f.source(abs, -1, 0, "")
}

func (f *finder) source(path string, size, lastModified int64, etag string) error {
	key, _ := keylayout.Parse(filepath.ToSlash(path))
	return f.each(NewSource(f.origin, schema.Source{
		URI: localURI(path), ETag: etag, AdminAccountID: key.Administrator, LastModified: lastModified,
	}, key.Region, size))
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

// localPath is the path of a source_uri.
func localPath(uri string) string {
	escaped, ok := strings.CutPrefix(uri, "file://")
	if !ok {
		return uri
	}
	path, err := url.PathUnescape(escaped)
	if err != nil { // localURI didn't make it
		return uri
	}
	return path
}
