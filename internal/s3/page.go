package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/macielake/macielake/internal/awsclient"
)

const (
	delimiter = "/"
	// pageKeys is how many keys, or prefixes, an answer has at most.
	pageKeys = 1000
	// pageAttempts is how often a page that can't be right is asked for.
	pageAttempts = 4
)

// page is one answer of a listing, in byte-wise order.
type page struct {
	objects  []Object
	prefixes []string // those that end in the delimiter, where it was asked for
	more     bool     // it isn't the last
}

// last is the last name in the page.
func (p *page) last() string {
	last := ""
	if n := len(p.objects); n > 0 {
		last = p.objects[n-1].Key
	}
	if n := len(p.prefixes); n > 0 {
		last = max(last, p.prefixes[n-1])
	}
	return last
}

// page lists what has the prefix and comes after a key. What the store answers
// is checked: a page that repeats an earlier one, or that is out of order, or
// that has fewer names than it says, is asked for again, and in the end an
// error; it is never taken for the end of the listing.
func (b *Bucket) page(ctx context.Context, prefix, after string, levels bool) (*page, error) {
	ctx = awsclient.WithResource(ctx, b.URI(prefix))
	for attempt := 1; ; attempt++ {
		p, err := b.askPage(ctx, prefix, after, levels)
		if err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var bad *badPageError
		if !errors.As(err, &bad) && !errors.Is(err, context.DeadlineExceeded) || attempt == pageAttempts {
			return nil, b.explain(ctx, "ListObjectsV2", prefix, err)
		}
		b.c.o.Log.Info("trying again", "operation", "ListObjectsV2", "uri", b.URI(prefix), "attempt", attempt, "why", err.Error())
		if err := b.c.o.Backoff.Wait(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// pageStalls is how many times Options.Stall a page may take in all.
const pageStalls = 4

func (b *Bucket) askPage(ctx context.Context, prefix, after string, levels bool) (*page, error) {
	ctx, cancel := context.WithTimeout(ctx, pageStalls*b.c.o.Stall)
	defer cancel()
	in := &sdk.ListObjectsV2Input{
		Bucket: &b.name, EncodingType: types.EncodingTypeUrl, MaxKeys: aws.Int32(pageKeys),
		RequestPayer: b.payer(), ExpectedBucketOwner: b.ownerID(),
	}
	if prefix != "" {
		in.Prefix = &prefix
	}
	if after != "" {
		in.StartAfter = &after
	}
	if levels {
		in.Delimiter = aws.String(delimiter)
	}
	out, err := b.api.ListObjectsV2(ctx, in)
	if err != nil {
		return nil, err
	}
	return readPage(out, prefix, after)
}

// badPageError says that a listing can't be what the bucket holds.
type badPageError struct{ why string }

func (e *badPageError) Error() string { return "the store listed what can't be right: " + e.why }

func readPage(out *sdk.ListObjectsV2Output, prefix, after string) (*page, error) {
	p := &page{more: aws.ToBool(out.IsTruncated), objects: make([]Object, 0, len(out.Contents))}
	name := func(s *string) (string, error) {
		if out.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(s), nil
		}
		key, err := url.QueryUnescape(aws.ToString(s))
		if err != nil {
			return "", &badPageError{"a key isn't encoded as the answer says"}
		}
		return key, nil
	}
	for i := range out.Contents {
		c := &out.Contents[i]
		key, err := name(c.Key)
		if err != nil {
			return nil, err
		}
		p.objects = append(p.objects, Object{
			Key: key, Size: aws.ToInt64(c.Size), ETag: aws.ToString(c.ETag), Modified: modified(c.LastModified),
		})
	}
	for _, c := range out.CommonPrefixes {
		dir, err := name(c.Prefix)
		if err != nil {
			return nil, err
		}
		p.prefixes = append(p.prefixes, dir)
	}
	if n := len(p.objects) + len(p.prefixes); out.KeyCount != nil && int(*out.KeyCount) != n {
		return nil, &badPageError{fmt.Sprintf("%d keys instead of %d", n, *out.KeyCount)}
	} else if p.more && n == 0 {
		return nil, &badPageError{"more keys are to come, but none came"}
	}
	byKey := func(a, b Object) int { return cmp.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(p.objects, byKey) || !slices.IsSorted(p.prefixes) {
		return nil, &badPageError{"the keys aren't in order"}
	}
	for i := range p.objects {
		switch key := p.objects[i].Key; {
		case !strings.HasPrefix(key, prefix):
			return nil, &badPageError{"a key hasn't the prefix asked for"}
		case key <= after || i > 0 && key == p.objects[i-1].Key:
			return nil, &badPageError{"a key came again"}
		}
	}
	for i, dir := range p.prefixes {
		switch {
		case !strings.HasPrefix(dir, prefix):
			return nil, &badPageError{"a prefix isn't below the one asked for"}
		// The directory that after lies in may come: it has keys behind it.
		case dir <= after && !strings.HasPrefix(after, dir) || i > 0 && dir == p.prefixes[i-1]:
			return nil, &badPageError{"a prefix came again"}
		}
	}
	return p, nil
}

func modified(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
