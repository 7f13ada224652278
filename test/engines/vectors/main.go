// Vectors writes the results of testdata/current, and of random sets like them,
// as one archive of raw results in which the sets don't touch each other.
// usage: vectors --vectors testdata/current --dir DIR [--random 40]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/macielake/macielake/internal/currenttest"
)

func main() {
	vectors := flag.String("vectors", "testdata/current", "directory of the vectors")
	dir := flag.String("dir", "", "directory to write to")
	random := flag.Uint64("random", 40, "random sets to add")
	flag.Parse()
	if err := write(*vectors, *dir, *random); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func write(vectors, dir string, random uint64) error {
	loaded, err := currenttest.Load(vectors)
	if err != nil {
		return err
	}
	var sets [][]currenttest.Result
	for _, v := range loaded {
		sets = append(sets, v.Results)
	}
	for seed := range random {
		sets = append(sets, currenttest.Random(seed))
	}
	sources, _ := currenttest.Lines(currenttest.Join(sets))
	for name, data := range sources {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			return err
		}
	}
	return nil
}
