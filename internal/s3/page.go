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
	// Delimiter ends a directory's name.
	Delimiter = "/"
	// PageKeys is how many keys, or prefixes, an answer has at most.
	PageKeys = 1000
	// pageAttempts is how often a page that can't be right is asked for.
	pageAttempts = 4
)

// Page is one answer of a listing, in byte-wise order.
type Page struct {
	Objects  []Object
	Prefixes []string // those that end in the delimiter, where it was asked for
	More     bool     // it isn't the last
}

// Last is the last name in the page.
func (p *Page) Last() string {
	last := ""
	if n := len(p.Objects); n > 0 {
		last = p.Objects[n-1].Key
	}
	if n := len(p.Prefixes); n > 0 {
		last = max(last, p.Prefixes[n-1])
	}
	return last
}

// Page lists what has the prefix and comes after a key. What the store answers
// is checked: a page that repeats an earlier one, or that is out of order, or
// that has fewer names than it says, is asked for again, and in the end an
// error; it is never taken for the end of the listing.
func (b *Bucket) Page(ctx context.Context, prefix, after string, levels bool) (*Page, error) {
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

func (b *Bucket) askPage(ctx context.Context, prefix, after string, levels bool) (*Page, error) {
	ctx, cancel := context.WithTimeout(ctx, pageStalls*b.c.o.Stall)
	defer cancel()
	in := &sdk.ListObjectsV2Input{
		Bucket: &b.name, EncodingType: types.EncodingTypeUrl, MaxKeys: aws.Int32(PageKeys),
		RequestPayer: b.payer(), ExpectedBucketOwner: b.ownerID(),
	}
	if prefix != "" {
		in.Prefix = &prefix
	}
	if after != "" {
		in.StartAfter = &after
	}
	if levels {
		in.Delimiter = aws.String(Delimiter)
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

func readPage(out *sdk.ListObjectsV2Output, prefix, after string) (*Page, error) {
	p := &Page{More: aws.ToBool(out.IsTruncated), Objects: make([]Object, 0, len(out.Contents))}
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
		p.Objects = append(p.Objects, Object{
			Key: key, Size: aws.ToInt64(c.Size), ETag: aws.ToString(c.ETag), Modified: modified(c.LastModified),
		})
	}
	for _, c := range out.CommonPrefixes {
		dir, err := name(c.Prefix)
		if err != nil {
			return nil, err
		}
		p.Prefixes = append(p.Prefixes, dir)
	}
	if n := len(p.Objects) + len(p.Prefixes); out.KeyCount != nil && int(*out.KeyCount) != n {
		return nil, &badPageError{fmt.Sprintf("%d keys instead of %d", n, *out.KeyCount)}
	} else if p.More && n == 0 {
		return nil, &badPageError{"more keys are to come, but none came"}
	}
	byKey := func(a, b Object) int { return cmp.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(p.Objects, byKey) || !slices.IsSorted(p.Prefixes) {
		return nil, &badPageError{"the keys aren't in order"}
	}
	for i := range p.Objects {
		switch key := p.Objects[i].Key; {
		case !strings.HasPrefix(key, prefix):
			return nil, &badPageError{"a key hasn't the prefix asked for"}
		case key <= after || i > 0 && key == p.Objects[i-1].Key:
			return nil, &badPageError{"a key came again"}
		}
	}
	for i, dir := range p.Prefixes {
		switch {
		case !strings.HasPrefix(dir, prefix):
			return nil, &badPageError{"a prefix isn't below the one asked for"}
		// The directory that after lies in may come: it has keys behind it.
		case dir <= after && !strings.HasPrefix(after, dir) || i > 0 && dir == p.Prefixes[i-1]:
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
