package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/text"
)

// input looks at what a conversion would read.
func (d *doctor) input(ctx context.Context, in string) {
	s := d.report.section(inputSubject, in)
	var expected string // the key that Macie says it encrypts with
	if macie.IsURI(in) {
		export, err := d.o.AWS.Macie.Export(ctx, d.o.AWS.Macie.RegionOf(in))
		if err != nil {
			d.fail(s, "repository", err)
			return
		}
		in, expected = export.URI(), export.Key
		s.ok("repository", "%s", in)
	}
	var bucket *s3.Bucket
	if s3.IsURI(in) {
		if bucket = d.bucket(ctx, s, in); bucket == nil {
			return
		}
		d.addKey(expected)
	}
	newest, oldest := d.list(ctx, s, in)
	if newest == nil {
		return
	}
	key := ""
	if bucket != nil {
		var ok bool
		if key, ok = d.head(ctx, s, bucket, newest); !ok {
			return
		}
	}
	if !d.read(ctx, s, newest, key) {
		return
	}
	d.decode(ctx, s, newest)
	if bucket != nil && oldest.URI != newest.URI {
		d.oldest(ctx, s, bucket, oldest)
	}
}

// bucket finds the bucket of an input, and notes its place.
func (d *doctor) bucket(ctx context.Context, s *Section, uri string) *s3.Bucket {
	place, bucket, err := d.place(ctx, uri)
	if err != nil {
		d.fail(s, "bucket", err)
		return nil
	}
	found(s, bucket)
	d.in = place
	return bucket
}

// place finds the bucket of a URI.
func (d *doctor) place(ctx context.Context, uri string) (*policy.Place, *s3.Bucket, error) {
	name, key, err := s3.ParseURI(uri)
	if err != nil {
		return nil, nil, err
	}
	bucket, err := d.o.AWS.S3.Bucket(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	place := &policy.Place{Bucket: name, Prefix: strings.TrimRight(key, "/"), Region: bucket.Region}
	if i := strings.IndexAny(key, "*?"); i >= 0 { // a pattern: what it begins with
		place.Prefix, place.Beginning = key[:i], true
	} else {
		place.Object = keylayout.IsResult(key)
	}
	return place, bucket, nil
}

// found adds that a bucket was found, where it was looked for: a store that isn't
// AWS has no regions, and the checks that follow will tell.
func found(s *Section, b *s3.Bucket) {
	if b.API().Options().BaseEndpoint == nil {
		s.ok("bucket", "%s in %s", b.Name(), regionText(b))
	}
}

func regionText(b *s3.Bucket) string {
	if b.Region == "" {
		return "an unknown region"
	}
	return b.Region
}

// errEnough ends a listing.
var errEnough = errors.New("enough was listed")

// list counts what there is, and picks the results that were written last, which
// is encrypted as things are now, and first.
func (d *doctor) list(ctx context.Context, s *Section, in string) (newest, oldest *input.Source) {
	layout := newLayout()
	l := input.Listing{Log: slog.New(slog.DiscardHandler)}
	err := input.Find(ctx, d.o.Origins, []string{in}, &l, func(source input.Source) error {
		if layout.Objects == d.o.MaxObjects {
			layout.Truncated = true
			return errEnough
		}
		layout.add(&source)
		if newest == nil || source.LastModified > newest.LastModified {
			newest = &source
		}
		if oldest == nil || source.LastModified < oldest.LastModified {
			oldest = &source
		}
		return nil
	})
	layout.Skipped = l.Skipped
	if err != nil && !errors.Is(err, errEnough) {
		d.fail(s, "list", err)
		return nil, nil
	}
	layout.end()
	d.report.Layout = layout
	more := ""
	if layout.Truncated {
		more = "; there are more (--max-objects)"
	}
	s.ok("list", "%s with %s, %s%s",
		counted(layout.Objects, "result"), text.Bytes(layout.Bytes), counted(layout.Skipped, "other object"), more)
	return newest, oldest
}

// head asks about one object; it returns the key that it is encrypted with.
func (d *doctor) head(ctx context.Context, s *Section, b *s3.Bucket, source *input.Source) (key string, ok bool) {
	head, err := headOf(ctx, b, source)
	if err != nil {
		d.fail(s, "head", err)
		s.notKnown("get", "", "HeadObject failed, and needs the same permission")
		return "", false
	}
	d.addKey(head.Key)
	s.ok("head", "%s: %s, %s", text.Short(source.URI), text.Bytes(head.Size), headText(head))
	return head.Key, true
}

// oldest looks whether the first result is as readable as the last: it may have
// another key, or be archived.
func (d *doctor) oldest(ctx context.Context, s *Section, b *s3.Bucket, source *input.Source) {
	const name = "oldest"
	head, err := headOf(ctx, b, source)
	if err == nil {
		d.addKey(head.Key)
		err = firstByte(ctx, source)
	}
	if err != nil {
		d.fail(s, name, err)
		return
	}
	s.ok(name, "%s: %s, %s", text.Short(source.URI), text.Bytes(head.Size), headText(head))
}

func headOf(ctx context.Context, b *s3.Bucket, source *input.Source) (s3.Head, error) {
	_, key, err := s3.ParseURI(source.URI)
	if err != nil {
		return s3.Head{}, err
	}
	return b.Head(ctx, key)
}

// addKey notes a key that the input is encrypted with.
func (d *doctor) addKey(key string) {
	if key != "" && !slices.Contains(d.in.Keys, key) {
		d.in.Keys = append(d.in.Keys, key)
	}
}

// headText says how an object is kept.
func headText(h s3.Head) string {
	out := h.Encryption
	if out == "" {
		out = "no encryption named"
	}
	if h.Key != "" {
		out += " with " + h.Key
	}
	if h.Class != "" && h.Class != "STANDARD" {
		out += ", " + h.Class
	}
	return out
}

// read reads an object's first byte; key is the KMS key that this takes.
func (d *doctor) read(ctx context.Context, s *Section, source *input.Source, key string) bool {
	err := firstByte(ctx, source)
	var e *awsclient.Error
	if errors.As(err, &e) && (e.Action == "kms:Decrypt" || e.Kind == awsclient.BadKey) {
		s.notKnown("get", "", "%s can't be decrypted", text.Short(source.URI))
		d.fail(s, "decrypt", err)
		return false
	}
	if err != nil {
		d.fail(s, "get", err)
		return false
	}
	switch {
	case d.in == nil:
		s.ok("get", "%s", text.Short(source.URI))
	case key != "":
		s.ok("get", "the same object")
		s.ok("decrypt", "with %s", key)
	default:
		s.ok("get", "the same object")
		s.ok("decrypt", "no KMS key is needed")
	}
	return true
}

func firstByte(ctx context.Context, source *input.Source) error {
	rc, err := source.Open(ctx)
	if err != nil {
		return err
	}
	defer rc.Close()
	if _, err := io.ReadFull(rc, make([]byte, 1)); err != nil && err != io.EOF { // empty is for decode to say
		return fmt.Errorf("reading: %w", err)
	}
	return nil
}
