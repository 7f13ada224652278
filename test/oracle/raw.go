package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// line is one line of raw input, ready to be handed to DuckDB.
type line struct {
	uri          string
	number       int64 // from 1, blank lines counted
	path         string
	text         string
	unrecognized string // see unrecognized
}

// rejects says which lines and sources the converter must reject.
type rejects struct {
	sources map[string]bool // by path
	lines   map[string]map[int64]bool
}

// readRejects reads the part of the generator's description of an archive that
// names bad input; paths are relative to root. No name, no rejects.
func readRejects(name, root string) (rejects, error) {
	r := rejects{sources: map[string]bool{}, lines: map[string]map[int64]bool{}}
	if name == "" {
		return r, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return r, err
	}
	var file struct {
		Rejects struct {
			Sources []struct{ Path string }
			Lines   []struct {
				Path string
				Line int64
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return r, fmt.Errorf("%s: %w", name, err)
	}
	for _, o := range file.Rejects.Sources {
		r.sources[filepath.Join(root, filepath.FromSlash(o.Path))] = true
	}
	for _, l := range file.Rejects.Lines {
		path := filepath.Join(root, filepath.FromSlash(l.Path))
		if r.lines[path] == nil {
			r.lines[path] = map[int64]bool{}
		}
		r.lines[path][l.Line] = true
	}
	return r, nil
}

// listRaw returns the paths of the .jsonl and .jsonl.gz files under root, a
// resolved directory, sorted. Symlinks are followed, and a file or directory
// that is reached twice is listed once.
func listRaw(root string) ([]string, error) {
	seen := map[string]bool{}
	var files []string
	var visit func(path string) error
	visit = func(path string) error {
		path, err := filepath.EvalSymlinks(path)
		if err != nil {
			return err
		}
		if seen[path] {
			return nil
		}
		seen[path] = true
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			if info.Mode().IsRegular() && (strings.HasSuffix(path, ".jsonl") || strings.HasSuffix(path, ".jsonl.gz")) {
				files = append(files, path)
			}
			return nil
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := visit(filepath.Join(path, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	if err := visit(root); err != nil {
		return nil, err
	}
	slices.Sort(files)
	return files, nil
}

// problem is input that can't be read although nothing said so.
type problem struct {
	uri  string
	line int64 // 0 for the whole object
	what string
}

// rawInput is raw results that are read: which files, and what is left out.
type rawInput struct {
	paths []string
	skip  rejects
	known *field
}

// openRaw finds the raw results in a directory; skip is the description of an
// archive that names bad input, or empty.
func openRaw(dir, skip string) (*rawInput, error) {
	known, err := knownFields()
	if err != nil {
		return nil, err
	}
	root, err := filepath.Abs(dir)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return nil, err
	}
	in := &rawInput{known: known}
	if in.skip, err = readRejects(skip, root); err != nil {
		return nil, err
	}
	in.paths, err = listRaw(root)
	return in, err
}

// read hands every line of a file that isn't blank or skipped to yield.
// What can't be read is a problem, not an error; an error is yield's.
func (raw *rawInput) read(path string, yield func(line) error) ([]problem, error) {
	if raw.skip.sources[path] {
		return nil, nil
	}
	uri := sourceURI(path)
	f, err := os.Open(path)
	if err != nil {
		return []problem{{uri, 0, "can't be opened"}}, nil
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return []problem{{uri, 0, "isn't gzip"}}, nil
		}
		in = bufio.NewReaderSize(z, 1<<20)
	} else if strings.HasSuffix(path, ".gz") {
		return []problem{{uri, 0, "isn't gzip"}}, nil
	}

	var problems []problem
	for number := int64(1); ; number++ {
		text, err := in.ReadBytes('\n')
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		text = bytes.Trim(text, " \t\r\n")
		if err != nil && err != io.EOF {
			return append(problems, problem{uri, number, "can't be inflated"}), nil
		}
		if len(text) > 0 && !raw.skip.lines[path][number] {
			unknown, bad := unrecognized(raw.known, text)
			if bad != nil || !utf8.Valid(text) {
				problems = append(problems, problem{uri, number, "isn't a result"})
			} else if err := yield(line{uri, number, strings.ToValidUTF8(path, "�"), string(text), unknown}); err != nil {
				return problems, err
			}
		}
		if err == io.EOF {
			return problems, nil
		}
	}
}

// sourceURI returns the source_uri of an absolute path: the path, or where that
// isn't UTF-8 a file: URI with every byte but the unreserved ones and the slash
// percent-escaped.
func sourceURI(path string) string {
	if utf8.ValidString(path) {
		return path
	}
	var b strings.Builder
	b.WriteString("file://")
	for i := range len(path) {
		c := path[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
