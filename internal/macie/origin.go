package macie

import (
	"context"
	"io"
	"strings"

	"github.com/macielake/macielake/internal/input"
)

const scheme = "macie://"

// Origin is the place of inputs that are macie://REGION: the results of the
// account whose credentials are used that Macie of that region made, wherever it
// puts them. Sources have the s3:// URIs of their objects. It is safe for
// concurrent use.
type Origin struct {
	client *Client
	s3     input.Origin
}

// NewOrigin returns an origin whose results s3 lists and opens.
func NewOrigin(client *Client, s3 input.Origin) *Origin { return &Origin{client, s3} }

// IsURI reports whether an input names Macie of a region.
func IsURI(in string) bool { return strings.HasPrefix(in, scheme) }

// RegionOf is the region that an input names: that of the configuration for
// macie:// alone.
func (c *Client) RegionOf(in string) string {
	if region := strings.TrimSuffix(strings.TrimPrefix(in, scheme), "/"); region != "" {
		return region
	}
	return c.cfg.Region
}

// Has implements input.Origin.
func (o *Origin) Has(in string) bool { return IsURI(in) }

// List implements input.Origin.
func (o *Origin) List(ctx context.Context, in string, l *input.Listing, each func(input.Source) error) error {
	export, err := o.client.Export(ctx, o.client.RegionOf(in))
	if err != nil {
		return err
	}
	l.Log.Info("found where Macie's results go", "input", in, "uri", export.URI())
	return o.s3.List(ctx, export.URI(), l, each)
}

// Open implements input.Origin.
func (o *Origin) Open(ctx context.Context, s *input.Source) (io.ReadCloser, error) {
	return o.s3.Open(ctx, s)
}
