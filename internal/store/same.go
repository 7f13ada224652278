package store

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// RemoveSame removes a file if it still is the one that was looked at before:
// another process may have put its own in the place. It reports whether the file is
// gone now. A store that can compare and remove in one request has a method of that
// name; in others as little time as possible passes in between.
func RemoveSame(ctx context.Context, s Store, name string, was Info) (gone bool, err error) {
	if own, ok := s.(interface {
		RemoveSame(ctx context.Context, name string, was Info) (bool, error)
	}); ok {
		return own.RemoveSame(ctx, name, was)
	}
	is, err := s.Stat(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case !is.Same(was):
		return false, nil
	}
	return true, s.RemoveAll(ctx, name)
}

// Same reports whether two looks saw the same file.
func (i Info) Same(o Info) bool {
	return i.Size == o.Size && i.ETag == o.ETag && i.Modified.Truncate(time.Millisecond).Equal(o.Modified.Truncate(time.Millisecond))
}
