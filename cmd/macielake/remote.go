package main

import (
	"context"
	"io"
	"sync"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
)

// remoteOrigin is the place of what is in S3: s3:// URIs, and the macie:// ones
// that stand for some. It looks for AWS when it is first needed, so that who has
// nothing there needs no credentials. It is safe for concurrent use.
type remoteOrigin struct {
	places *places
	filter s3input.Filter
	stop   func(error)

	mu    sync.Mutex
	s3    *s3input.Origin // nil before it was needed
	macie *macie.Origin
}

// open returns the origins that do the work.
func (r *remoteOrigin) open(ctx context.Context) (*s3input.Origin, *macie.Origin, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.s3 == nil {
		client, ask, err := r.places.signed(ctx)
		if err != nil {
			return nil, nil, err
		}
		r.s3 = s3input.NewOrigin(client, r.filter, r.stop)
		r.macie = macie.NewOrigin(ask, r.s3)
	}
	return r.s3, r.macie, nil
}

// Has implements input.Origin.
func (r *remoteOrigin) Has(in string) bool { return s3.IsURI(in) || macie.IsURI(in) }

// List implements input.Origin.
func (r *remoteOrigin) List(ctx context.Context, in string, l *input.Listing, each func(input.Source) error) error {
	inS3, byMacie, err := r.open(ctx)
	if err != nil {
		return err
	}
	if macie.IsURI(in) {
		return byMacie.List(ctx, in, l, each)
	}
	return inS3.List(ctx, in, l, each)
}

// Open implements input.Origin.
func (r *remoteOrigin) Open(ctx context.Context, s *input.Source) (io.ReadCloser, error) {
	inS3, _, err := r.open(ctx)
	if err != nil {
		if r.stop != nil { // the other objects could be read no better
			r.stop(err)
		}
		return nil, err
	}
	return inS3.Open(ctx, s)
}

// Remote implements input.Remote: reading waits for a network.
func (r *remoteOrigin) Remote() bool { return true }
