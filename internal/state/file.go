package state

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/macielake/macielake/internal/store"
)

// maxRecord bounds a record that is read, in bytes: a receipt lists all sources
// of its part, an end record all files of its run.
const maxRecord = 1 << 30

// DamagedError says that a file isn't what this package writes.
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

// The last member of a record is the SHA-256 of all bytes before it.
const (
	sumKey   = `,"sha256":"`
	sumEnd   = "\"}\n"
	sumBytes = len(sumKey) + 2*sha256.Size + len(sumEnd)
)

// encode returns a record as its file has it, and its SHA-256, by which other
// records name it.
func encode(v any) (data []byte, sum string, err error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, "", err
	}
	body := bytes.TrimSuffix(buf.Bytes(), []byte("}\n"))
	sum = hexSum(body)
	return append(body, sumKey+sum+sumEnd...), sum, nil
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// decode reads a record from the bytes of its file, into v.
func decode(data []byte, v any) (sum string, err error) {
	if len(data) < sumBytes {
		return "", errors.New("it is cut off")
	}
	body, tail := data[:len(data)-sumBytes], string(data[len(data)-sumBytes:])
	sum = hexSum(body)
	if tail != sumKey+sum+sumEnd {
		return "", errors.New("its checksum is wrong")
	}
	return sum, json.Unmarshal(data, v)
}

// create creates the file of a record, or gives fs.ErrExist if there is another
// one.
func create(ctx context.Context, s store.Store, name string, v any) (sum string, err error) {
	data, sum, err := encode(v)
	if err != nil {
		return "", fmt.Errorf("encoding %s: %w", name, err)
	}
	return sum, createFile(ctx, s, name, data)
}

// createFile is create for the bytes of a file. A file with the same bytes was created
// by this very call, whose answer got lost, or by another that is as good.
func createFile(ctx context.Context, s store.Store, name string, data []byte) error {
	err := s.PutNew(ctx, name, data)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	there, readErr := ReadFile(ctx, s, name)
	switch {
	case readErr != nil:
		return fmt.Errorf("cannot tell which process created %s: %w", s.URI(name), readErr)
	case bytes.Equal(there, data):
		return nil
	}
	return err
}

// ReadFile reads a whole file of the state.
func ReadFile(ctx context.Context, s store.Store, name string) ([]byte, error) {
	r, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", s.URI(name), err)
	}
	if len(data) > maxRecord {
		return nil, damaged(s, name, "it is larger than %d bytes", maxRecord)
	}
	return data, nil
}

func get(ctx context.Context, s store.Store, name string, v any) (sum string, err error) {
	data, err := ReadFile(ctx, s, name)
	if err != nil {
		return "", err
	}
	if sum, err = decode(data, v); err != nil {
		return "", &DamagedError{Name: s.URI(name), Err: err}
	}
	return sum, nil
}

// NewNonce returns a name that nothing else has: 16 hexadecimal digits.
func NewNonce() string {
	var b [nonceDigits / 2]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

const nonceDigits = 16

// isHex reports whether s is n hexadecimal digits, as nonces and hashes are.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
