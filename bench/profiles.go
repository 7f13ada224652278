package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/gen"
)

// profile is an input, and the sides that run on it.
type profile struct {
	name  string
	what  string   // for readers
	args  []string // of macielake gen
	sides []string // ids
}

// profiles returns what is measured: the mixed one first, which has all sides.
func profiles(quick bool) []*profile {
	mixed := &profile{name: "mixed", what: "an estate of objects, clean ones and a heavy tail of occurrences",
		args: []string{"--profile", "mixed", "--size", "400MB"}}
	for _, s := range sides() {
		mixed.sides = append(mixed.sides, s.id)
	}
	small := &profile{name: "small", what: "many sources of one to three lines",
		args:  []string{"--profile", "small", "--size", "207MB"},
		sides: []string{macielake1, macielake2, gzip1, pigz1, igzip1, klauspost1, duckdb2, clickhouse2}}
	large := &profile{name: "large", what: "one source",
		args:  []string{"--profile", "large", "--size", "1GB"},
		sides: []string{macielake1, macielake2, gzip1, pigz1, igzip1, klauspost1, duckdb2, clickhouse2}}
	if quick {
		mixed.args[3], small.args[3], large.args[3] = "40MB", "10MB", "40MB"
		return []*profile{mixed, small, large}
	}
	return []*profile{mixed, small, large,
		{name: "100MB", what: "as mixed, a quarter of its size",
			args: []string{"--profile", "mixed", "--size", "100MB"}, sides: []string{macielake2}},
		{name: "2GB", what: "as mixed, five times its size",
			args: []string{"--profile", "mixed", "--size", "2GB"}, sides: []string{macielake2}},
	}
}

// input is a profile as it lies on disk.
type input struct {
	*profile
	dir      string
	expected gen.Expected
}

// prepare generates the profile's input with macielake in dir, unless an
// earlier run has, and splits it into dir.halves.
func (p *profile) prepare(ctx context.Context, macielake, dir string) (*input, error) {
	in := &input{profile: p, dir: dir}
	text, err := os.ReadFile(dir + ".expected.json")
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return nil, err
		}
		said, err := exec.CommandContext(ctx, macielake, append([]string{"gen", dir}, p.args...)...).CombinedOutput()
		if err != nil {
			return nil, fmt.Errorf("generating %s: %w: %s", p.name, err, said)
		}
		if err := os.RemoveAll(dir + ".halves"); err != nil {
			return nil, err
		}
		text, err = os.ReadFile(dir + ".expected.json")
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &in.expected); err != nil {
		return nil, fmt.Errorf("%s.expected.json: %w", p.name, err)
	}
	if slices.Contains(p.sides, macielakeHalves) {
		if err := halve(dir, dir+".halves"); err != nil {
			return nil, fmt.Errorf("splitting %s: %w", p.name, err)
		}
	}
	return in, nil
}

// halve links the results in dir into halves/0 and halves/1, with their paths
// in dir and about the same bytes in both. It does nothing if halves is there.
func halve(dir, halves string) error {
	if _, err := os.Stat(halves); err == nil {
		return nil
	}
	type object struct {
		path string
		size int64
	}
	var objects []object
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".jsonl.gz") {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		objects = append(objects, object{path, info.Size()})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(objects, func(a, b object) int { return cmp.Compare(b.size, a.size) })

	unfinished := halves + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	var sizes [2]int64
	for _, o := range objects {
		lighter := 0
		if sizes[1] < sizes[0] {
			lighter = 1
		}
		sizes[lighter] += o.size
		rel, err := filepath.Rel(dir, o.path)
		if err != nil {
			return err
		}
		link := filepath.Join(unfinished, fmt.Sprint(lighter), rel)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Link(o.path, link); err != nil {
			return err
		}
	}
	return os.Rename(unfinished, halves)
}
