package lake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// remoteStore is a store behind a network, of which each call is a request.
type remoteStore struct {
	store.Store
	mu       sync.Mutex
	requests []string
}

func (*remoteStore) Remote() bool { return true }

func (r *remoteStore) count(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, name)
}

func (r *remoteStore) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r.count(name)
	return r.Store.Open(ctx, name)
}

func (r *remoteStore) OpenAt(ctx context.Context, name string) (store.File, error) {
	r.count("anywhere " + name)
	return r.Store.OpenAt(ctx, name)
}

func (r *remoteStore) Stat(ctx context.Context, name string) (store.Info, error) {
	r.count("head " + name)
	return r.Store.Stat(ctx, name)
}

// A small file of a remote store takes one request, and gives the same rows. What
// isn't what the run recorded is an error that names the file, whichever way it is
// read.
func TestRemote(t *testing.T) {
	in := sample(t)
	dir, local := converted(t, in, "parquet")
	columns := schema.Results().Columns
	want := lines(t, local, lake.Query{Table: "results"}, schema.ResultLevel, columns)

	opened, err := store.OpenLocal(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	remote := &remoteStore{Store: opened}
	l, err := lake.Open(t.Context(), remote)
	if err != nil {
		t.Fatal(err)
	}
	remote.requests = nil
	got := lines(t, l, lake.Query{Table: "results", Workers: 2}, schema.ResultLevel, columns)
	if !slices.Equal(got, want) {
		t.Errorf("%d rows, not %d", len(got), len(want))
	}
	files := l.Files("results")
	if len(remote.requests) != len(files) || len(files) < 2 {
		t.Errorf("%d requests for %d files: %q", len(remote.requests), len(files), remote.requests)
	}

	scan := func(l *lake.Lake) error {
		return lake.Scan(t.Context(), l, lake.Query{Table: "results", Columns: []string{"result_id"}},
			func(int, arrow.RecordBatch) (struct{}, error) { return struct{}{}, nil }, func(struct{}) error { return nil })
	}
	path := filepath.Join(dir, filepath.FromSlash(files[1].Path))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(data)
	flipped[len(flipped)/3] ^= 1
	for name, damaged := range map[string][]byte{
		"empty": {}, "short": data[:len(data)-1], "long": append(bytes.Clone(data), 0), "a bit": flipped,
	} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		var changed *store.ContentError
		if err := scan(l); !errors.As(err, &changed) || !strings.Contains(err.Error(), files[1].Path) {
			t.Errorf("%s: remote: %v", name, err)
		}
		if name == "a bit" {
			continue // which only the pages' own checksums can show where a file isn't read whole
		}
		if err := scan(local); !errors.As(err, &changed) || !strings.Contains(err.Error(), files[1].Path) {
			t.Errorf("%s: local: %v", name, err)
		}
	}
}
