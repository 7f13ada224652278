package s3input

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/s3"
)

// Keys is an origin whose only input is a list of keys, read instead of a listing. The
// Origin opens its sources.
type Keys struct {
	o      *Origin
	name   string
	within []string
	scan   func(ctx context.Context, each func(bucket string, o s3.Object) error) error
}

// Has implements input.Origin.
func (k *Keys) Has(in string) bool { return in == k.name }

// Name returns the name of the only input.
func (k *Keys) Name() string { return k.name }

// Open implements input.Origin.
func (k *Keys) Open(ctx context.Context, s *input.Source) (io.ReadCloser, error) {
	return k.o.Open(ctx, s)
}

// OutsideError says that a list names an object outside the inputs.
type OutsideError struct{ List, URI string }

func (e *OutsideError) Error() string {
	return fmt.Sprintf("%s names %s, which is in none of the inputs", e.List, e.URI)
}

// List implements input.Origin.
func (k *Keys) List(ctx context.Context, _ string, l *input.Listing, each func(input.Source) error) error {
	type within struct {
		bucket  string
		pattern *pattern
	}
	var inputs []within
	for _, in := range k.within {
		bucket, key, err := s3.ParseURI(in)
		if err != nil {
			return err
		}
		inputs = append(inputs, within{bucket, newPattern(key)})
	}
	finders := make(map[string]*finder)
	err := k.scan(ctx, func(bucket string, o s3.Object) error {
		wanted := len(inputs) == 0
		for _, in := range inputs {
			wanted = wanted || in.bucket == bucket && in.pattern.matches(o.Key)
		}
		if !wanted {
			return nil
		}
		f := finders[bucket]
		if f == nil {
			b, err := k.o.c.Bucket(ctx, bucket)
			if err != nil {
				return err
			}
			f = k.o.finder(b, l, each)
			finders[bucket] = f
		}
		dir := o.Key[:strings.LastIndexByte(o.Key, '/')+1]
		if f.isOutput(dir) {
			return nil
		}
		return f.found(o)
	})
	for _, f := range finders {
		if f.pruned.Load() {
			l.Pruned = true
		}
	}
	return err
}

// NewKeys returns the origin of a list with one object per line: s3:// URIs, or keys of
// the bucket of the first input. With inputs, all objects must be in them. Sizes and
// ETags are requested for several objects at a time. A missing object is a source all
// the same, which turns out to be unreadable. The list is read once; errors call it
// name.
func NewKeys(o *Origin, name string, r io.Reader, inputs []string) (*Keys, error) {
	k := &Keys{o: o, name: name, within: inputs}
	bucket := ""
	var patterns []*pattern
	var buckets []string
	for _, in := range inputs {
		name, key, err := s3.ParseURI(in)
		if err != nil {
			return nil, err
		}
		if bucket == "" {
			bucket = name
		}
		patterns, buckets = append(patterns, newPattern(key)), append(buckets, name)
	}
	inside := func(bucket, key string) bool {
		for i, p := range patterns {
			if buckets[i] == bucket && p.matches(key) {
				return true
			}
		}
		return len(patterns) == 0
	}
	k.scan = func(ctx context.Context, each func(string, s3.Object) error) error {
		return o.headAll(ctx, func(yield func(bucket, key string) error) error {
			seen := make(map[[16]byte]struct{}) // by hash, as lists are long
			lines := bufio.NewScanner(r)
			lines.Buffer(nil, 64<<10)
			for n := 1; lines.Scan(); n++ {
				line := strings.TrimSuffix(lines.Text(), "\r")
				if line == "" {
					continue
				}
				if err := input.CheckURL(line); err != nil {
					return &LineError{name, n, err}
				}
				b, key := bucket, line
				if s3.IsURI(line) {
					var err error
					if b, key, err = s3.ParseURI(line); err != nil {
						return &LineError{name, n, err}
					}
				} else if bucket == "" {
					return &LineError{name, n, errors.New("a key needs an input that names its bucket: s3://BUCKET")}
				}
				if !utf8.ValidString(key) || key == "" || len(key) > s3.MaxKey {
					return &LineError{name, n, errors.New("it is not a valid key: keys are UTF-8 of 1 to 1,024 bytes")}
				}
				uri := s3.URI(b, key)
				if !inside(b, key) {
					return &LineError{name, n, &OutsideError{name, uri}}
				}
				sum := sha256.Sum256([]byte(uri))
				if _, again := seen[[16]byte(sum[:])]; again {
					continue
				}
				seen[[16]byte(sum[:])] = struct{}{}
				if err := yield(b, key); err != nil {
					return err
				}
			}
			if err := lines.Err(); err != nil {
				return fmt.Errorf("reading %s: %w", name, err)
			}
			return nil
		}, each)
	}
	return k, nil
}

// LineError says why a line of a list can't be used.
type LineError struct {
	List string
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%s, line %d: %v", e.List, e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// headsAtOnce objects are requested at a time, and headsAhead may wait for their turn.
const (
	headsAtOnce = 64
	headsAhead  = 1024
)

// headAll requests the metadata of the objects and calls each for them, in the order of
// the list and in the caller's goroutine.
func (o *Origin) headAll(ctx context.Context, list func(yield func(bucket, key string) error) error, each func(string, s3.Object) error) error {
	type asked struct {
		bucket string
		object s3.Object
		err    error
		done   chan struct{}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	work, order := make(chan *asked), make(chan *asked, headsAhead)
	var group sync.WaitGroup
	for range headsAtOnce {
		group.Go(func() {
			for a := range work {
				a.object, a.err = o.headOne(ctx, a.bucket, a.object.Key)
				close(a.done)
			}
		})
	}
	var listErr error
	group.Go(func() {
		defer close(order)
		defer close(work)
		listErr = list(func(bucket, key string) error {
			a := &asked{bucket: bucket, object: s3.Object{Key: key}, done: make(chan struct{})}
			for _, ch := range []chan *asked{order, work} {
				select {
				case ch <- a:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	})
	var err error
	for a := range order {
		if err != nil {
			continue // until list has stopped
		}
		select {
		case <-a.done:
			if err = a.err; err == nil {
				err = each(a.bucket, a.object)
			}
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		if err != nil {
			cancel(err)
		}
	}
	cancel(nil)
	group.Wait()
	if err == nil {
		err = listErr
	}
	return err
}

// headOne requests an object's metadata. If that is refused, reading the object will
// report it.
func (o *Origin) headOne(ctx context.Context, bucket, key string) (s3.Object, error) {
	b, err := o.c.Bucket(ctx, bucket)
	if err != nil {
		return s3.Object{}, err
	}
	object, err := b.Stat(ctx, key)
	switch awsclient.KindOf(err) {
	case awsclient.NotFound, awsclient.Denied, awsclient.Archived:
		return s3.Object{Key: key}, nil
	}
	return object, err
}
