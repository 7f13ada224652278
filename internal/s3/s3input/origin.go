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

// Filter skips objects by their keys and times. The results decide about the rest: the
// account in a key may be Macie's administrator, and a segment in a job's position isn't
// always a job.
type Filter struct {
	Accounts, Regions, Jobs []string   // wanted ones; empty for all
	Since                   *time.Time // skip objects last modified before it; nil for none
}

// Origin lists and opens inputs that are s3:// URIs: an object, a directory (all keys
// below URI/), or a pattern. In a pattern, * stands for any characters except a slash
// and ? for one of them; it matches objects and directories. Origin is safe for
// concurrent use.
type Origin struct {
	c      *s3.Client
	filter Filter
	stop   func(error) // is called once

	mu           sync.Mutex
	read, denied int64 // attempts to open a source, and those that were denied
	why          error // a denial, if possible one that names the missing permission
}

// NewOrigin returns an origin that reads with the client. It calls stop once if the
// first reads are all denied, or if credentials are missing or have expired: then no
// other object can be read either. stop may be nil.
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
		// If it names an object, that is the first key with this prefix.
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

// outputPrefix returns the prefix of the output's keys, if the output is in the bucket.
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

// finder makes sources of a bucket's objects.
type finder struct {
	o      *Origin
	b      *s3.Bucket
	l      *input.Listing
	each   func(input.Source) error
	out    string // prefix of the output's keys
	hasOut bool
	pruned atomic.Bool // objects were skipped that may hold results
}

func (o *Origin) finder(b *s3.Bucket, l *input.Listing, each func(input.Source) error) *finder {
	f := &finder{o: o, b: b, l: l, each: each}
	f.out, f.hasOut = outputPrefix(l.Output, b.Name())
	return f
}

// isOutput reports whether a key or directory belongs to the output or to the state of
// any dataset, whose files look like sources but aren't.
func (f *finder) isOutput(key string) bool {
	return f.hasOut && strings.HasPrefix(key, f.out) ||
		strings.HasPrefix(key, store.StateDir+"/") || strings.Contains(key, "/"+store.StateDir+"/")
}

// mayHold reports whether a directory may hold wanted sources.
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

// found makes a source of an object that may hold wanted results.
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

// maxDenied is the number of reads that are denied, from the first on, before the rest
// is given up.
const maxDenied = 20

// AllDeniedError says that the first reads were all denied: the permission is missing
// for the whole run, not for some sources.
type AllDeniedError struct {
	Count int64
	Err   error // one of the denials
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

// outcome counts an attempt to open a source. The error it returns ends the run.
func (o *Origin) outcome(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read++
	switch awsclient.KindOf(err) {
	case awsclient.NoCredentials, awsclient.Expired:
		return err
	case awsclient.Denied:
		// Only some denials are explained, and those without explanation come first.
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

// Remote implements input.Remote: reads wait for a network.
func (o *Origin) Remote() bool { return true }
