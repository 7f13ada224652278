package s3

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/macielake/macielake/internal/awsclient"
)

const (
	// Delimiter ends the name of a directory.
	Delimiter = "/"
	// PageKeys is the largest number of keys and prefixes in a page.
	PageKeys = 1000
	// maxETag is the length of an ETag in bytes; S3's have 34, or up to 40 if the
	// object was uploaded in parts.
	maxETag = 1024
	// pageAttempts is how often a page is requested that takes too long.
	pageAttempts = 4
)

// Page is one answer of a listing, in byte-wise order.
type Page struct {
	Objects  []Object
	Prefixes []string // directories, each with the delimiter; empty unless requested
	More     bool     // another page follows
}

// Last returns the last key or prefix in the page.
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

// Page lists the keys that begin with prefix and come after the key after; with
// levels, keys below a directory are listed as their directory. A page that
// contradicts the request or itself is requested again, and is an error in the end; it
// is never taken for the end of the listing.
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
		if !errors.Is(err, context.DeadlineExceeded) || attempt == pageAttempts {
			return nil, b.explain(ctx, "ListObjectsV2", prefix, err)
		}
		b.c.o.Log.Info("trying again", "operation", "ListObjectsV2", "uri", b.URI(prefix), "attempt", attempt, "why", err.Error())
		if err := b.c.o.Backoff.Wait(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// pageStalls times Options.Stall is how long an attempt at a page may take.
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
	return out.ResultMetadata.Get(pageKey{}).(*Page), nil // checkAnswers put it there
}

// readPage checks that an answer fits the request, and makes a page of it.
func readPage(in *sdk.ListObjectsV2Input, out *sdk.ListObjectsV2Output) (*Page, error) {
	prefix, after := aws.ToString(in.Prefix), aws.ToString(in.StartAfter)
	escaped := out.EncodingType == types.EncodingTypeUrl
	unescape := func(s *string) (string, error) {
		if !escaped {
			return aws.ToString(s), nil
		}
		name, err := url.QueryUnescape(aws.ToString(s))
		if err != nil {
			return "", bad("a name in it isn't escaped as it says")
		}
		return name, nil
	}
	gotPrefix, err := unescape(out.Prefix)
	if err != nil {
		return nil, err
	}
	gotAfter, err := unescape(out.StartAfter)
	if err != nil {
		return nil, err
	}
	n := len(out.Contents) + len(out.CommonPrefixes)
	switch name := aws.ToString(out.Name); {
	case name == "":
		return nil, bad("it doesn't name the bucket")
	case name != *in.Bucket && !isAccessPoint(*in.Bucket):
		return nil, bad("it is a listing of the bucket %s", name)
	case gotPrefix != prefix:
		return nil, bad("it is a listing of the prefix %q", gotPrefix)
	case out.StartAfter != nil && gotAfter != after:
		return nil, bad("it is a listing of the keys after %q", gotAfter)
	case out.IsTruncated == nil:
		return nil, bad("it doesn't say whether it is the last page")
	case out.KeyCount != nil && int(*out.KeyCount) != n:
		return nil, bad("it has %d names and says that it has %d", n, *out.KeyCount)
	case n > PageKeys:
		return nil, bad("it has %d names, more than were asked for", n)
	case n == 0 && *out.IsTruncated:
		return nil, bad("it has no names and says that more follow")
	case in.Delimiter == nil && len(out.CommonPrefixes) > 0:
		return nil, bad("it has directories, which were not asked for")
	}
	p := &Page{More: *out.IsTruncated, Objects: make([]Object, 0, len(out.Contents))}
	for i := range out.Contents {
		c := &out.Contents[i]
		key, err := unescape(c.Key)
		switch {
		case err != nil:
			return nil, err
		case len(key) > MaxKey:
			return nil, bad("a key in it is longer than %d bytes", MaxKey)
		case len(aws.ToString(c.ETag)) > maxETag:
			return nil, bad("an ETag in it is longer than %d bytes", maxETag)
		case c.Size == nil || *c.Size < 0:
			return nil, bad("an object in it has no size")
		case !strings.HasPrefix(key, prefix):
			return nil, bad("a key in it hasn't the prefix that was asked for")
		case key <= after:
			return nil, bad("a key in it comes before those that were asked for")
		case i > 0 && key <= p.Objects[i-1].Key:
			return nil, bad("its keys repeat or aren't in order")
		}
		p.Objects = append(p.Objects, Object{Key: key, Size: *c.Size, ETag: aws.ToString(c.ETag), Modified: modified(c.LastModified)})
	}
	for i, c := range out.CommonPrefixes {
		dir, err := unescape(c.Prefix)
		switch {
		case err != nil:
			return nil, err
		case len(dir) > MaxKey:
			return nil, bad("a directory in it is longer than %d bytes", MaxKey)
		case !strings.HasPrefix(dir, prefix):
			return nil, bad("a directory in it hasn't the prefix that was asked for")
		// The directory that contains after may be listed for its later keys.
		case dir <= after && !strings.HasPrefix(after, dir):
			return nil, bad("a directory in it comes before those that were asked for")
		case i > 0 && dir <= p.Prefixes[i-1]:
			return nil, bad("its directories repeat or aren't in order")
		}
		p.Prefixes = append(p.Prefixes, dir)
	}
	return p, nil
}

// isAccessPoint reports whether a bucket's name is the ARN or alias of an access point:
// then listings name the bucket behind it.
func isAccessPoint(bucket string) bool {
	return strings.HasPrefix(bucket, "arn:") || strings.HasSuffix(bucket, "-s3alias") || strings.HasSuffix(bucket, "--ol-s3")
}

func modified(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
