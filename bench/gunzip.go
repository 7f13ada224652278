package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// gunzipCommand makes this program inflate a directory's results.
const gunzipCommand = "gunzip"

// gunzip inflates all .jsonl.gz files in dir with klauspost's gzip, drops the
// bytes, and writes how many they are: what a Go program pays for inflating
// alone.
func gunzip(dir string, stdout io.Writer) error {
	var zr gzip.Reader
	br := bufio.NewReaderSize(nil, 256<<10)
	total := int64(0)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".jsonl.gz") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		br.Reset(f)
		if err := zr.Reset(br); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		n, err := io.Copy(io.Discard, &zr)
		total += n
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, total)
	return err
}
