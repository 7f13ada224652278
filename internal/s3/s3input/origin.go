package s3input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/listing"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// Filter says what needn't be listed or read, as far as keys and times tell. The
// records decide on what is left: a key's account is Macie's administrator, and
// what stands in a job's place isn't always one.
type Filter struct {
	Accounts, Regions, Jobs []string   // those wanted; none for all
	Since                   *time.Time // records created before it aren't wanted
}

// Origin is the place of inputs that are s3:// URIs: an object, a directory (all
// keys below URI/), or what matches a pattern. In a pattern, * and ? stand for
// any characters and any one character but a slash; it matches objects and
// directories. It is safe for concurrent use.
type Origin struct {
	c      *s3.Client
	filter Filter
	stop   func(error) // is called once

	mu           sync.Mutex
	read, denied int64 // readings that began, and that were denied
	why          error // of the denied ones, one that says which permission is missing, if any does
}

// NewOrigin returns the origin of what the client can read. stop is called, once,
// when it turns out that all is denied, or that there are no credentials or none
// any more: that isn't the fault of single objects. It is nil where nobody wants
// to know.
func NewOrigin(c *s3.Client, f Filter, stop func(error)) *Origin {
	var once sync.Once
	return &Origin{c: c, filter: f, stop: func(err error) {
		if stop != nil {
			once.Do(func() { stop(err) })
		}
	}}
}

// Has implements input.Origin.
func (o *Origin) Has(in string) bool { return s3.IsURI(in) }

// List implements input.Origin.
func (o *Origin) List(ctx context.Context, in string, l *input.Listing, each func(input.Source) error) error {
	name, pattern, err := s3.ParseURI(in)
	if err != nil {
		return err
	}
	b, err := o.c.Bucket(ctx, name)
	if err != nil {
		return err
	}
	p := newPattern(pattern)
	if out, ok := outputPrefix(l.Output, name); ok && strings.HasPrefix(p.prefix, out) {
		return &input.InsideOutputError{Input: in, Out: l.Output}
	}
	found := false
	f := o.finder(b, l, each)
	take := func(object s3.Object) error {
		if !p.matches(object.Key) {
			return nil
		}
		found = true
		return f.found(object)
	}
	if p.name != "" && !strings.HasSuffix(pattern, "/") {
		// It may be an object: then it is the first that begins so.
		first, err := b.Page(ctx, p.name, "", false)
		if err != nil {
			return err
		}
		if len(first.Objects) > 0 && first.Objects[0].Key == p.name {
			if err := take(first.Objects[0]); err != nil {
				return err
			}
		}
	}
	err = listing.Walk(ctx, b, listing.Options{
		Prefix:  p.prefix,
		Descend: func(dir string) bool { return p.mayHold(dir) && f.mayHold(dir) },
	}, take)
	if err != nil {
		return err
	}
	if f.pruned.Load() {
		l.Pruned = true
	} else if !found {
		return &input.NotFoundError{Input: in, Why: p.notFound(b)}
	}
	l.Cover(func(uri string) bool {
		key, ok := strings.CutPrefix(uri, b.URI(""))
		return ok && p.matches(key)
	})
	return nil
}

// outputPrefix is the prefix of an output's keys, if that is in the bucket.
func outputPrefix(output, bucket string) (string, bool) {
	name, key, err := s3.ParseURI(output)
	if err != nil || name != bucket {
		return "", false
	}
	if key != "" {
		key += "/"
	}
	return key, true
}

// finder makes sources of the objects of a bucket.
type finder struct {
	o      *Origin
	b      *s3.Bucket
	l      *input.Listing
	each   func(input.Source) error
	out    string // keys of the output begin with it
	hasOut bool
	pruned atomic.Bool // something was left out that may be a result
}

func (o *Origin) finder(b *s3.Bucket, l *input.Listing, each func(input.Source) error) *finder {
	f := &finder{o: o, b: b, l: l, each: each}
	f.out, f.hasOut = outputPrefix(l.Output, b.Name())
	return f
}

// isOutput reports whether a key, or all below a directory, is the output's or
// of a dataset's state, whose files look like results and aren't.
func (f *finder) isOutput(key string) bool {
	return f.hasOut && strings.HasPrefix(key, f.out) ||
		strings.HasPrefix(key, store.StateDir+"/") || strings.Contains(key, "/"+store.StateDir+"/")
}

// mayHold reports whether a directory may hold results that are wanted.
func (f *finder) mayHold(dir string) bool {
	if f.isOutput(dir) {
		return false
	}
	if !f.o.filter.mayHold(dir) {
		f.pruned.Store(true)
		return false
	}
	return true
}

// found makes a source of an object, if it is a result that may be wanted.
func (f *finder) found(o s3.Object) error {
	uri := f.b.URI(o.Key)
	switch {
	case !utf8.ValidString(o.Key): // S3 has no such keys
		return &s3.URIError{URI: uri, Why: "the key isn't UTF-8"}
	case f.isOutput(o.Key):
		return nil
	case strings.HasSuffix(o.Key, "/") && o.Size <= 0: // what consoles make for a directory
		return nil
	case !keylayout.IsResult(o.Key[strings.LastIndexByte(o.Key, '/')+1:]):
		f.l.Skip(uri)
		return nil
	case !f.o.filter.wants(o):
		f.pruned.Store(true)
		return nil
	case f.l.Covered(uri):
		return nil
	}
	key, _ := keylayout.Parse(o.Key)
	source := schema.Source{URI: uri, ETag: strings.Trim(o.ETag, `"`), AdminAccountID: key.Administrator}
	if !o.Modified.IsZero() {
		source.LastModified = o.Modified.UnixMicro()
	}
	return f.each(input.NewSource(f.o, source, key.Region, o.Size))
}

// maxDenied is how many readings in a row, from the first, are denied until
// nothing is expected of the rest.
const maxDenied = 20

// AllDeniedError says that no object could be read: the run has no permission,
// rather than some objects.
type AllDeniedError struct {
	Count int64
	Err   error // of one of them
}

func (e *AllDeniedError) Error() string {
	return fmt.Sprintf("all of the first %d objects are denied: %v", e.Count, e.Err)
}

func (e *AllDeniedError) Unwrap() error { return e.Err }

// Open implements input.Origin.
func (o *Origin) Open(ctx context.Context, s *input.Source) (io.ReadCloser, error) {
	name, key, err := s3.ParseURI(s.URI)
	if err != nil {
		return nil, err
	}
	b, err := o.c.Bucket(ctx, name)
	if err != nil {
		return nil, err
	}
	object := s3.Object{Key: key, Size: s.Size}
	if s.ETag != "" {
		object.ETag = `"` + s.ETag + `"`
	}
	if s.ETag == "" || s.Size <= 0 {
		object.Size = -1 // as good as unknown
	}
	r, err := b.Get(ctx, object)
	if ctx.Err() != nil {
		return r, err
	}
	if stop := o.outcome(err); stop != nil {
		o.stop(stop)
	}
	return r, err
}

// outcome counts how a reading began. An error is one that ends all.
func (o *Origin) outcome(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read++
	switch awsclient.KindOf(err) {
	case awsclient.NoCredentials, awsclient.Expired:
		return err
	case awsclient.Denied:
		// Not all denials are looked into, and those that aren't are faster.
		var e *awsclient.Error
		if o.why == nil || errors.As(err, &e) && e.Action != "" {
			o.why = err
		}
		if o.denied++; o.denied == maxDenied && o.read == maxDenied {
			return &AllDeniedError{Count: maxDenied, Err: o.why}
		}
	}
	return nil
}

// Remote implements input.Remote: reading waits for a network.
func (o *Origin) Remote() bool { return true }
