package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/macielake/macielake/internal/store"
)

// maxStateFile bounds a state file that is read, in bytes: a receipt lists all
// of its part's objects.
const maxStateFile = 1 << 30

// DamagedError says that a state file isn't what this package writes.
type DamagedError struct {
	Name string // the file's URI
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Name, e.Err) }

// Unwrap returns what is wrong with it.
func (e *DamagedError) Unwrap() error { return e.Err }

func damaged(s store.Store, name, format string, args ...any) error {
	return &DamagedError{Name: s.URI(name), Err: fmt.Errorf(format, args...)}
}

// create creates a state file for v, or gives fs.ErrExist where there is
// another one. Where it is there with the same content it was this very call,
// whose answer got lost, or one that is as good.
func create(ctx context.Context, s store.Store, name string, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encoding %s: %w", name, err)
	}
	err := s.PutNew(ctx, name, buf.Bytes())
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, readErr := read(ctx, s, name)
	switch {
	case readErr != nil:
		return fmt.Errorf("whose %s is can't be told: %w", s.URI(name), readErr)
	case bytes.Equal(there, buf.Bytes()):
		return nil
	}
	return err
}

// read reads a whole state file.
func read(ctx context.Context, s store.Store, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxStateFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.URI(name), err)
	}
	if len(data) > maxStateFile {
		return nil, damaged(s, name, "it is larger than %d bytes", maxStateFile)
	}
	return data, nil
}

// get reads a state file into v.
func get(ctx context.Context, s store.Store, name string, v any) error {
	data, err := read(ctx, s, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &DamagedError{Name: s.URI(name), Err: err}
	}
	return nil
}

// isTemporary reports whether a name below the state's directory is one under
// which a store writes a file before it gets its own.
func isTemporary(name string) bool {
	base := path.Base(name)
	dot := strings.LastIndexByte(base, '.')
	return strings.HasPrefix(name, stateDir+"/") && dot > 0 && base[0] == '.' && isHex(base[dot+1:], nonceDigits)
}

// NotCreateOnlyError says that a store replaces a file where it should say that
// there is one: two converters could claim the same sources.
type NotCreateOnlyError struct{ Store string }

func (e *NotCreateOnlyError) Error() string {
	return fmt.Sprintf("%s replaces files that it should only create (a PUT with If-None-Match): two converters at a time would convert the same twice", e.Store)
}

// Probe looks whether the store keeps its promise to create files only: with
// one request where the dataset has been written to before.
func Probe(ctx context.Context, s store.Store) error {
	for range 2 {
		err := s.PutNew(ctx, ProbeName, []byte(`{"probe":"`+NewNonce()+`"}`+"\n"))
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return &NotCreateOnlyError{Store: s.URI(".")}
}
