//go:build !linux

package main

import (
	"context"
	"errors"
	"fmt"
)

func command(context.Context, []int, []string, string) ([]byte, usage, error) {
	return nil, usage{}, fmt.Errorf("%w: processes are pinned to cores on Linux only", errors.ErrUnsupported)
}

func ownPeak() int64 { return 0 }

func settle() {}
