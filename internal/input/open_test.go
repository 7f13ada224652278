package input

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.jsonl")
	want := bytes.Repeat([]byte("line\n"), 50_000)
	if err := os.WriteFile(name, want, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := open(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(f, want); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) || !strings.Contains(err.Error(), name) {
		t.Errorf("read after close: %v", err)
	}
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}

	if _, err := open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none") {
		t.Errorf("a file that doesn't exist: %v", err)
	}
	if f, err := open(dir); err == nil { // some systems can open a directory, but none can read it
		if _, err = io.ReadAll(f); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("a directory: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
