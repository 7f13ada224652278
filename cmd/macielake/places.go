package main

import (
	"context"
	"io"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
)

// openStore opens the dataset's place that a user names; the caller closes it.
func openStore(_ context.Context, uri string) (store.Store, error) {
	return store.OpenLocal(uri)
}

// createStore is openStore for a place that may not be there yet.
func createStore(_ context.Context, uri string) (store.Store, error) {
	return store.CreateLocal(uri)
}

// origins returns where a user's inputs may lie.
func origins(stdin io.Reader) []input.Origin {
	return []input.Origin{input.NewStdin(stdin), input.Local{}}
}
