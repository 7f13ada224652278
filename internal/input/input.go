// Package input finds discovery results and opens them, wherever they lie.
//
// Start with [Find], which lists what a user's inputs name, each a [Source]; an
// [Origin] is a kind of place they lie in.
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

// Source is an object that holds discovery results.
type Source struct {
	schema.Source
	Region string // as the key shows it; empty where it doesn't
	Size   int64  // stored bytes, -1 where it isn't known

	origin Origin
}

// NewSource returns a source that origin opens.
func NewSource(origin Origin, source schema.Source, region string, size int64) Source {
	return Source{Source: source, Region: region, Size: size, origin: origin}
}

// Open opens the source for a reading from its beginning. It may be called any
// number of times, but for standard input, which can be read once.
func (s *Source) Open(ctx context.Context) (io.ReadCloser, error) { return s.origin.Open(ctx, s) }

// Restore returns a source as a plan names it, which lies where the first of the
// origins that has its URI says.
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

// Origin is a kind of place that results lie in. It is safe for concurrent use.
type Origin interface {
	// Has reports whether an input, as a user writes it, or a source_uri names
	// something of this kind.
	Has(input string) bool
	// List calls each for all results that input names, once each, also when
	// earlier inputs of the same listing named them; what isn't a result by
	// its name is passed over and counted in l. An input that isn't there is a
	// NotFoundError. Its end is never mistaken for an error's: where List
	// returns nil it has seen everything.
	List(ctx context.Context, input string, l *Listing, each func(Source) error) error
	// Open opens a source by its URI.
	Open(ctx context.Context, s *Source) (io.ReadCloser, error)
}

// Remote is implemented by origins whose reading waits for a network, so that
// it is worth being begun ahead.
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

// Listing is what the listing of several inputs has in common.
type Listing struct {
	// Output is the URI of the store that is written to, whose files are never
	// an input; empty where there is none.
	Output string
	Log    *slog.Logger // is told of what is passed over
	// Skipped counts the objects that aren't results by their names.
	Skipped int64
	// Pruned says that objects were left out which may be results, but none
	// that is wanted.
	Pruned bool

	seen    map[[16]byte]struct{} // by hash: listings are long, and so are names
	alone   bool                  // some are of FirstAlone
	covered []func(name string) bool
}

// Cover notes that an input has listed all names for which it reports true, so
// that they needn't be kept one by one.
func (l *Listing) Cover(by func(name string) bool) { l.covered = append(l.covered, by) }

// Covered reports whether an earlier input has listed a name.
func (l *Listing) Covered(name string) bool {
	_, seen := l.seen[hashOf(name)]
	return seen || slices.ContainsFunc(l.covered, func(by func(string) bool) bool { return by(name) })
}

// First reports whether a name hasn't been given to it before.
func (l *Listing) First(name string) bool {
	key := hashOf(name)
	if _, seen := l.seen[key]; seen {
		return false
	}
	if l.seen == nil {
		l.seen = make(map[[16]byte]struct{})
	}
	l.seen[key] = struct{}{}
	return true
}

// FirstAlone is First for what an input names by itself, or a link: it may lie in
// a place that is listed with all that is in it, by First of that place, before
// or after.
func (l *Listing) FirstAlone(place, name string) bool {
	if _, seen := l.seen[hashOf(place)]; seen || !l.First(name) {
		return false
	}
	l.alone = true
	return true
}

// FirstInside is First for what is listed with the place that it lies in: only
// FirstAlone can have been given it before.
func (l *Listing) FirstInside(name string) bool {
	if !l.alone {
		return true
	}
	_, seen := l.seen[hashOf(name)]
	return !seen
}

func hashOf(name string) [16]byte {
	sum := sha256.Sum256([]byte(name))
	return [16]byte(sum[:16])
}

// Skip counts an object that is no result by its name.
func (l *Listing) Skip(uri string) {
	l.Skipped++
	l.Log.Info("skipped a file that is no result by its name", "path", uri)
}

// NotFoundError says that an input isn't there, or that none of the inputs
// holds a discovery result.
type NotFoundError struct {
	Input   string   // empty if none of them had any
	Inputs  []string // then all of them
	Why     string   // what was looked for, where it isn't a file
	Skipped int64    // files that aren't results by their names
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

// InsideOutputError says that an input lies in the output.
type InsideOutputError struct{ Input, Out string }

func (e *InsideOutputError) Error() string {
	return fmt.Sprintf("the input %s lies inside the output %s", e.Input, e.Out)
}

// Find calls each for all sources that the inputs name, with the first of the
// origins that has an input. Where there is none at all, that is a
// NotFoundError. A place that can't be listed is an error; a source that can't
// be read is one that will turn out to be unreadable.
func Find(ctx context.Context, origins []Origin, inputs []string, l *Listing, each func(Source) error) error {
	found := false
	for _, in := range inputs {
		err := list(ctx, origins, in, l, func(s Source) error {
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

func list(ctx context.Context, origins []Origin, in string, l *Listing, each func(Source) error) error {
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
