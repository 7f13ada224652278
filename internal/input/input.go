// Package input lists and opens sources: stored files of discovery results.
//
// Start with [Find], which lists the [Source] values that a user's inputs name. An
// [Origin] is a kind of storage, such as the file system or standard input.
package input

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Source is a stored file of discovery results. It is safe for concurrent use as
// long as nobody changes its fields.
type Source struct {
	schema.Source
	Region string // from the key; empty where the key names none
	Size   int64  // stored bytes; -1 where unknown

	origin Origin
}

// NewSource returns a source that origin opens. region and size are as in [Source].
func NewSource(origin Origin, source schema.Source, region string, size int64) Source {
	return Source{Source: source, Region: region, Size: size, origin: origin}
}

// Open returns a reader from the beginning of the stored bytes, which the caller
// closes. A source can be opened any number of times, except standard input: it
// can be read only once. The errors are those of its origin.
func (s *Source) Open(ctx context.Context) (io.ReadCloser, error) { return s.origin.Open(ctx, s) }

// Restore returns the source that a plan recorded, opened by the first of the
// origins that has its URI. If none has it, the error is a *NotFoundError.
func Restore(origins []Origin, source schema.Source, region string, size int64) (Source, error) {
	for _, o := range origins {
		if o.Has(source.URI) {
			return NewSource(o, source, region, size), nil
		}
	}
	return Source{}, &NotFoundError{Input: source.URI}
}

// Object returns the source as pkg/stream reads it.
func (s *Source) Object() stream.Source {
	return stream.Source{Source: s.Source, Size: s.Size, Open: s.Open}
}

// Origin is a kind of storage that holds sources. It is safe for concurrent use.
type Origin interface {
	// Has reports whether an input, as a user writes it, or a source_uri belongs
	// to this origin.
	Has(input string) bool
	// List calls each for every source that input names, except sources that the
	// same listing has already passed to each. Files whose names aren't those of
	// results are skipped and counted in l. If nothing matches input, the error
	// is a *NotFoundError. Where List returns nil, the listing is complete. An
	// error of each ends it.
	List(ctx context.Context, input string, l *Listing, each func(Source) error) error
	// Open returns a reader of the stored bytes of a source, by its URI. The
	// caller closes it.
	Open(ctx context.Context, s *Source) (io.ReadCloser, error)
}

// Remote is implemented by origins whose reads may wait for a network, so that
// reading ahead pays.
type Remote interface{ Remote() bool }

// Remote reports whether opening and reading the source waits for a network.
func (s *Source) Remote() bool {
	r, ok := s.origin.(Remote)
	return ok && r.Remote()
}

// AnyRemote reports whether any of the sources is remote.
func AnyRemote(sources []Source) bool {
	return slices.ContainsFunc(sources, func(s Source) bool { return s.Remote() })
}

// Listing is the state that the listings of several inputs share. It is not safe
// for concurrent use.
type Listing struct {
	// Output is the URI of the store that is written to, whose files are never
	// sources; empty where nothing is written.
	Output string
	Log    *slog.Logger // receives the paths of skipped files
	// Skipped counts the files whose names aren't those of results.
	Skipped int64
	// Pruned says that a filter excluded files that may be results, so finding
	// none is no mistake of the inputs.
	Pruned bool

	seen         map[[16]byte]struct{} // by hash: listings are long, and so are names
	someSeparate bool                  // addSeparate added some of them
	covered      []func(name string) bool
}

// Cover notes that an input has listed all names for which matches is true, so
// that they needn't be kept one by one.
func (l *Listing) Cover(matches func(name string) bool) { l.covered = append(l.covered, matches) }

// Covered reports whether an earlier input has listed a name.
func (l *Listing) Covered(name string) bool {
	_, seen := l.seen[hashName(name)]
	return seen || slices.ContainsFunc(l.covered, func(matches func(string) bool) bool { return matches(name) })
}

// add notes that a name is listed. It reports whether the name is new.
func (l *Listing) add(name string) bool {
	key := hashName(name)
	if _, seen := l.seen[key]; seen {
		return false
	}
	if l.seen == nil {
		l.seen = make(map[[16]byte]struct{})
	}
	l.seen[key] = struct{}{}
	return true
}

// addSeparate is add for a file that is not listed with its directory: an input or
// a link names it. Its whole directory may be listed, too, before or after.
func (l *Listing) addSeparate(dir, name string) bool {
	if _, seen := l.seen[hashName(dir)]; seen || !l.add(name) {
		return false
	}
	l.someSeparate = true
	return true
}

// isNewInDir reports whether a file that is listed with its directory is new. As
// a directory is listed once, only addSeparate can have added the file.
func (l *Listing) isNewInDir(name string) bool {
	if !l.someSeparate {
		return true
	}
	_, seen := l.seen[hashName(name)]
	return !seen
}

func hashName(name string) [16]byte {
	sum := sha256.Sum256([]byte(name))
	return [16]byte(sum[:16])
}

// Skip counts and logs a file whose name isn't that of a result.
func (l *Listing) Skip(uri string) {
	l.Skipped++
	l.Log.Info("skipped a file whose name isn't that of a result", "path", uri)
}

// NotFoundError says that an input doesn't exist, or that the inputs hold no
// discovery results.
type NotFoundError struct {
	Input   string   // the input that doesn't exist; empty if all exist
	Inputs  []string // if all exist: all inputs
	Why     string   // the whole message, where the input isn't a local file
	Skipped int64    // files whose names aren't those of results
}

func (e *NotFoundError) Error() string {
	if e.Why != "" {
		return e.Why
	}
	if e.Input != "" {
		return fmt.Sprintf("%s: no such file, directory or glob match", e.Input)
	}
	return fmt.Sprintf("no discovery results in %s: looked for files named *.jsonl.gz or *.jsonl (%d others skipped)", strings.Join(e.Inputs, ", "), e.Skipped)
}

// InsideOutputError says that an input lies inside the output.
type InsideOutputError struct {
	Input string // as the user wrote it
	Out   string // path or URI of the output
}

func (e *InsideOutputError) Error() string {
	return fmt.Sprintf("the input %s lies inside the output %s", e.Input, e.Out)
}

// Find calls each, by one goroutine, for all sources that the inputs name. The
// first of the origins that has an input lists it. If the inputs hold no source,
// the error is a *NotFoundError; if one is a web address, a *URLError. A directory
// or bucket that can't be listed is an error, too. A source that can't be read is
// listed nevertheless: opening it will fail.
func Find(ctx context.Context, origins []Origin, inputs []string, l *Listing, each func(Source) error) error {
	found := false
	for _, in := range inputs {
		err := listInput(ctx, origins, in, l, func(s Source) error {
			found = true
			return each(s)
		})
		if err != nil {
			return err
		}
	}
	if !found && !l.Pruned {
		return &NotFoundError{Inputs: inputs, Skipped: l.Skipped}
	}
	return nil
}

func listInput(ctx context.Context, origins []Origin, in string, l *Listing, each func(Source) error) error {
	if err := CheckURL(in); err != nil {
		return err
	}
	for _, o := range origins {
		if o.Has(in) {
			return o.List(ctx, in, l, each)
		}
	}
	return &NotFoundError{Input: in}
}
