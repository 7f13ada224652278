// Package store is where a dataset's bytes lie: files that are written whole or
// not at all, created once, and published where readers see them.
//
// Start with [Store], [OpenLocal] and [CreateLocal].
package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// Store holds a dataset's files under slash-separated relative names
// (fs.ValidPath). It is safe for concurrent use. A name that isn't there gives
// an error for which errors.Is(err, fs.ErrNotExist).
type Store interface {
	// URI is the name for people: of the store itself where name is ".".
	URI(name string) string
	// Create starts a file at name, which must not exist.
	Create(ctx context.Context, name string, access Access) (Output, error)
	// PutNew writes a whole, private file, or fails with fs.ErrExist where there
	// is one: of all who try, exactly one succeeds. When it returns, the file
	// is durable, and so is all that was created and published before.
	PutNew(ctx context.Context, name string, data []byte) error
	// Put writes a whole, private file and replaces what is there. A reader
	// sees the old content or the new; durable is it with the next Sync.
	Put(ctx context.Context, name string, data []byte) error
	// Open reads a file from its beginning.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// OpenAt opens a file for reading anywhere in it.
	OpenAt(ctx context.Context, name string) (File, error)
	// Stat returns what is known of a file without reading it.
	Stat(ctx context.Context, name string) (Info, error)
	// Check reports whether a staged file is fit to be published, without doing so:
	// from must have the bytes of want, or to if from doesn't exist. The errors are
	// those of Publish, for which a file that has been checked is cheaper.
	Check(ctx context.Context, from, to string, want Content) error
	// Publish gives a staged file the name under which readers see it, to; the
	// staged name stays until it is removed. The bytes of from must be those
	// of want, or it is a ContentError. The new name is created, never
	// replaced: where there is a file it is fs.ErrExist, unless that has the
	// wanted bytes, as when another process was faster. If from doesn't exist
	// and to doesn't either, it is fs.ErrNotExist.
	Publish(ctx context.Context, from, to string, want Content) error
	// Sync makes durable the names of what was created and published before, and
	// that what was removed is gone. The same goes for the names of what was
	// opened or looked at before: whoever created it may have died without.
	Sync(ctx context.Context) error
	// List calls each for all files below the directory prefix, in order of
	// their names, byte by byte. A prefix that isn't there has none, and what
	// the name of a file has is not defined, nor that it has more than a size and a
	// time, but see [ETagOf]; a file that
	// comes or goes meanwhile may be among them or not. It ends
	// early, without an error, where each returns fs.SkipAll.
	List(ctx context.Context, prefix string, each func(name string, info fs.FileInfo) error) error
	// Empty reports whether there is nothing at all.
	Empty(ctx context.Context) (bool, error)
	// Remove removes files, many in a request where the store has requests; no error
	// for one that isn't there.
	Remove(ctx context.Context, names ...string) error
	// RemoveAll removes a file, or a directory and all below it; no error
	// where there is none.
	RemoveAll(ctx context.Context, name string) error
	// Prune removes the directories at and below dir that hold no file, where
	// the store has such a thing.
	Prune(ctx context.Context, dir string) error
	// Discard removes the names and, as far as nothing else is in it, what
	// opening the store made.
	Discard(ctx context.Context, names ...string) error
	// Close releases what opening the store took.
	Close() error
}

// File is a file that is read in pieces. It is safe for concurrent use; ctx of
// the opening holds for its reads.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64 // bytes
}

// Info is what a store knows of a file without reading it.
type Info struct {
	Size     int64     // bytes
	ETag     string    // as S3 gives it, quotes included; empty in a directory
	Modified time.Time // by the store's clock
}

// Exists reports whether there is a file.
func Exists(ctx context.Context, s Store, name string) (bool, error) {
	_, err := s.Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ETagOf returns the ETag of a file that List found; empty where the store has none.
func ETagOf(info fs.FileInfo) string {
	if i, ok := info.(interface{ ETag() string }); ok {
		return i.ETag()
	}
	return ""
}

// Content says which bytes a file must have. A store compares the size, and the
// ETag if it has one of its own, else the SHA-256.
type Content struct {
	Size   int64
	SHA256 string // hexadecimal
	ETag   string // of the file as it was written; empty where it has none
}

// ContentError says that a file doesn't have the bytes that it must have.
type ContentError struct {
	Name string // its URI
	What string // how it differs
}

func (e *ContentError) Error() string { return fmt.Sprintf("%s has changed: %s", e.Name, e.What) }

// Remote is implemented by stores whose reads wait for a network, where a request
// takes longer than the bytes of a small file.
type Remote interface{ Remote() bool }

// IsRemote reports whether reading from a store waits for a network.
func IsRemote(s Store) bool {
	r, ok := s.(Remote)
	return ok && r.Remote()
}

// StateDir is the directory of a dataset's state, which is its owner's alone.
const StateDir = "_macielake"

// Access says who may read a file that is created.
type Access uint8

// Kinds of access.
const (
	Shared  Access = iota // whoever may read new files
	Private               // its owner alone
)

// Output is a file being written. Commit makes it whole and its content
// durable, its name is with the store's next Sync; Abort drops it, also after a
// failed Commit.
type Output interface {
	io.Writer
	Commit() error
	// ETag is that of the file once it is committed; empty where the store has
	// none.
	ETag() string
	Abort() error
}
