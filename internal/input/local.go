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

// Local is the origin of local files, which inputs name by path, directory or
// glob. The zero value is ready to use.
type Local struct{}

// Has implements Origin. It is always true: an input that no other origin has is a
// path.
func (Local) Has(string) bool { return true }

// List implements Origin. It follows symbolic links and skips the output and the
// state of any dataset. If input itself lies inside the output, the error is an
// *InsideOutputError.
func (o Local) List(ctx context.Context, input string, l *Listing, each func(Source) error) error {
	out := ""
	if l.Output != "" {
		var err error
		if out, err = realPath(l.Output); err != nil {
			return fmt.Errorf("finding %s: %w", l.Output, err)
		}
	}
	f := &finder{ctx: ctx, origin: o, out: out, l: l, each: each}
	return f.addInput(input)
}

// ChangedError says that a file has changed since it was listed or while it was
// read. The bytes that were read belong to no version of it.
type ChangedError struct {
	Path string
	When string // "since it was listed", "while it was read"
}

func (e *ChangedError) Error() string { return e.Path + " has changed " + e.When }

// Open implements Origin. The reader returns the bytes of the version that was
// listed. If the file has changed since, Open fails with a *ChangedError; if it
// changes while it is read, Read does, at the latest with the last bytes.
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

// openFile is an open file with its status.
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

// Read returns io.EOF together with the last bytes, as one call reads most files.
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
	out    string // real path of the output, whose files are never sources
	l      *Listing
	each   func(Source) error
}

// realPath returns the absolute path. Symbolic links are resolved in the part of
// it that exists.
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

func (f *finder) addInput(input string) error {
	_, err := os.Lstat(input)
	if err == nil {
		if real, err := realPath(input); err == nil && f.inOutput(real) {
			return &InsideOutputError{Input: input, Out: f.out}
		}
		return f.addPath(input)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	matches, globErr := filepath.Glob(input)
	if globErr != nil || len(matches) == 0 {
		return &NotFoundError{Input: input}
	}
	for _, m := range matches {
		if err := f.addPath(m); err != nil {
			return err
		}
	}
	return nil
}

// addPath adds a file, or all files in a directory.
func (f *finder) addPath(path string) error {
	if err := f.ctx.Err(); err != nil {
		return err
	}
	real, err := realPath(path)
	if err != nil {
		return f.addUnreadable(path, err)
	}
	// A dataset's state holds files with the names of results, such as rejects.
	if slices.Contains(strings.Split(real, string(filepath.Separator)), store.StateDir) {
		f.l.Log.Info("skipped the state of a dataset", "path", path)
		return nil
	}
	info, err := os.Stat(real)
	if err != nil {
		return f.addUnreadable(path, err)
	}
	if !info.IsDir() {
		return f.addFile(path, real, newStatus(info), f.addSeparate)
	}
	return f.addDir(path, real, startRead(real))
}

// addDir adds all files in a directory and below. Each subdirectory is read from
// the disk while the files of the one before it are added.
func (f *finder) addDir(path, real string, read *dirRead) error {
	defer read.wait()
	if err := f.ctx.Err(); err != nil {
		return err
	}
	if f.inOutput(real) || !f.l.add(real) {
		return nil
	}
	entries, err := read.wait()
	if err != nil {
		return fmt.Errorf("listing %s: %w", path, err)
	}
	next := startNextRead(real, entries)
	defer func() { next.wait() }()
	for i := range entries {
		e := &entries[i]
		realChild := joinReal(real, e.Name())
		child := realChild
		if real != path {
			child = filepath.Join(path, e.Name())
		}
		switch {
		case e.Type().IsRegular() && e.err != nil:
			err = f.addUnreadable(child, e.err)
		case e.Type().IsRegular(): // its path has no links to resolve, nor has a directory's
			err = f.addFile(child, realChild, e.status, f.l.isNewInDir)
		case e.isSearched():
			current := next
			next = startNextRead(real, entries[i+1:])
			err = f.addDir(child, realChild, current)
		default:
			err = f.addPath(child)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// status is the part of a file's status that listings use.
type status struct {
	regular  bool
	size     int64
	modified time.Time
}

// version returns the ETag of a file: its size and modification time, as files have
// no better name for a version.
func (s status) version() string {
	return strconv.FormatInt(s.size, 10) + "-" + strconv.FormatInt(s.modified.UnixNano(), 10)
}

func newStatus(info fs.FileInfo) status {
	return status{info.Mode().IsRegular(), info.Size(), info.ModTime()}
}

// dirEntry is an entry of a directory. Only a regular file whose name is that of a
// result has a status.
type dirEntry struct {
	fs.DirEntry
	status status
	err    error // why the status could not be read
}

// isSearched reports whether the entry is a directory that may hold sources.
func (e *dirEntry) isSearched() bool { return e.IsDir() && e.Name() != store.StateDir }

// dirRead is a read of a directory in the background.
type dirRead struct {
	done    chan struct{} // closed once entries and err are set
	entries []dirEntry
	err     error
}

func startRead(path string) *dirRead {
	r := &dirRead{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.entries, r.err = readDir(path)
	}()
	return r
}

// startNextRead starts to read the first directory among entries. It returns nil if
// none is a directory.
func startNextRead(parent string, entries []dirEntry) *dirRead {
	for i := range entries {
		if e := &entries[i]; e.isSearched() {
			return startRead(joinReal(parent, e.Name()))
		}
	}
	return nil
}

// wait waits for the read to end. A nil read has no entries.
func (r *dirRead) wait() ([]dirEntry, error) {
	if r == nil {
		return nil, nil
	}
	<-r.done
	return r.entries, r.err
}

// readDir returns the entries of a directory, sorted by name. It closes the
// directory before it returns: a tree can be deeper than the limit of open files.
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

// joinReal is filepath.Join for a real path, which is already clean.
func joinReal(real, name string) string {
	if strings.HasSuffix(real, string(filepath.Separator)) { // a root
		return real + name
	}
	return real + string(filepath.Separator) + name
}

// inOutput reports whether a real path is the output or lies in it.
func (f *finder) inOutput(real string) bool {
	return f.out != "" && (real == f.out || strings.HasPrefix(real, f.out+string(filepath.Separator)))
}

// addFile adds a file for which isNew reports true.
func (f *finder) addFile(path, real string, s status, isNew func(real string) bool) error {
	if !s.regular || !keylayout.IsResult(filepath.Base(path)) {
		f.l.Skip(path)
		return nil
	}
	if f.inOutput(real) || !isNew(real) {
		return nil
	}
	return f.addSource(real, s.size, s.modified.UnixMicro(), s.version())
}

// addSeparate notes a file that is not listed with its directory, and reports
// whether it is new.
func (f *finder) addSeparate(real string) bool {
	dir, name := filepath.Split(real)
	if !keylayout.IsResult(name) { // its directory doesn't list it: only a link to it has the name of a result
		return f.l.add(real)
	}
	return f.l.addSeparate(filepath.Clean(dir), real)
}

// addUnreadable adds a source whose status can't be read: opening it will fail
// again, and the reader reports that. A directory that can't be read is an error, and a
// link that leads nowhere is skipped.
func (f *finder) addUnreadable(path string, err error) error {
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
	if !f.l.add(abs) {
		return nil
	}
	return f.addSource(abs, -1, 0, "")
}

func (f *finder) addSource(path string, size, lastModified int64, etag string) error {
	key, _ := keylayout.Parse(filepath.ToSlash(path))
	return f.each(NewSource(f.origin, schema.Source{
		URI: localURI(path), ETag: etag, AdminAccountID: key.Administrator, LastModified: lastModified,
	}, key.Region, size))
}

// localURI returns the source_uri of a file: its path, such as /in/a.jsonl. A path
// that isn't UTF-8 gives a file URI, in which every byte is escaped except slashes
// and the unreserved characters of RFC 3986: file:///in/b%FF.jsonl.
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

// localPath returns the path of a source_uri. It inverts localURI.
func localPath(uri string) string {
	escaped, ok := strings.CutPrefix(uri, "file://")
	if !ok {
		return uri
	}
	path, err := url.PathUnescape(escaped)
	if err != nil { // a path that begins with file://
		return uri
	}
	return path
}
