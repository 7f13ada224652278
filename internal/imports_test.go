// Package internal_test holds the rules on which package may import which.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/macielake/macielake/"

// imports are the packages of the module with what they import, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		if d.IsDir() {
			// bench and test are no part of the program, and have modules of their own.
			if name := d.Name(); file == "../bench" || file == "../test" || file == "../tools" || name == "testdata" || len(name) > 2 && name[0] == '.' {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(path.Dir(file), "../")
		if all[pkg] == nil {
			all[pkg] = []string{}
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imported = strings.TrimPrefix(imported, module); !slices.Contains(all[pkg], imported) {
				all[pkg] = append(all[pkg], imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// within reports whether pkg is dir or lies below it.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func ours(pkg string) bool {
	return within(pkg, "cmd") || within(pkg, "internal") || within(pkg, "pkg") || within(pkg, "bench") || within(pkg, "test")
}

// forTests reports whether a package is there for tests alone.
func forTests(pkg string) bool { return strings.HasSuffix(pkg, "test") }

// layers lists the packages from the top. A package imports of ours only what
// is below it: in a later layer.
var layers = [][]string{
	{"cmd/macielake"},
	{"internal/doctor", "internal/register", "internal/render", "internal/summarize"},
	{"internal/report"},
	{"internal/change"},
	{"internal/athena", "internal/cat", "internal/convert", "internal/gen", "internal/kms", "internal/locate", "internal/macie", "internal/maintain", "internal/query", "internal/s3/s3input", "internal/s3/s3store"},
	{"internal/s3/listing"},
	{"internal/s3"},
	{"internal/current"},
	{"internal/lake", "internal/raw", "internal/run"},
	{"internal/coord"},
	{"internal/state", "internal/input"},
	{"internal/store", "internal/awsclient"},
	{"pkg/stream", "pkg/sink"},
	{"internal/arrowio", "internal/parquet", "internal/pqread", "internal/text"},
	{"internal/rows", "internal/inflate", "internal/policy", "internal/where"},
	{"pkg/schema"},
	{"internal/config"},
	{"internal/awsvalues", "internal/keylayout", "internal/nearest", "internal/spill", "internal/sum"},
}

func layerOf(pkg string) int {
	return slices.IndexFunc(layers, func(layer []string) bool { return slices.Contains(layer, pkg) })
}

func TestImportDirection(t *testing.T) {
	all := imports(t)
	for _, layer := range layers {
		for _, pkg := range layer {
			if all[pkg] == nil {
				t.Errorf("%s isn't there any more", pkg)
			}
		}
	}
	for pkg, imported := range all {
		if strings.Contains(pkg, "/internal/") && within(pkg, "pkg") {
			// Such a package is there for the tests of the one above.
			for _, i := range imported {
				if ours(i) && i != "pkg/schema" {
					t.Errorf("%s imports %s", pkg, i)
				}
			}
			continue
		}
		if forTests(pkg) {
			continue
		}
		layer := layerOf(pkg)
		if layer < 0 {
			t.Errorf("%s has no place in the order of packages", pkg)
			continue
		}
		for _, i := range imported {
			if !ours(i) {
				continue
			}
			if forTests(i) {
				t.Errorf("%s imports %s, which is for tests", pkg, i)
				continue
			}
			switch below := layerOf(i); {
			case below < 0:
				t.Errorf("%s imports %s, which has no place in the order of packages", pkg, i)
			case below <= layer:
				t.Errorf("%s imports %s, which isn't below it", pkg, i)
			}
		}
	}
}

// The library imports nothing of the program except its own parts.
func TestLibraryImports(t *testing.T) {
	beneath := map[string][]string{
		"pkg/stream": {"internal/inflate"},
		"pkg/sink":   {"internal/arrowio", "internal/parquet"},
	}
	for pkg, imported := range imports(t) {
		if !within(pkg, "pkg") {
			continue
		}
		for _, i := range imported {
			if within(i, "internal") && !slices.Contains(beneath[pkg], i) || within(i, "cmd") || within(i, "bench") || within(i, "test") {
				t.Errorf("%s imports %s", pkg, i)
			}
			if within(i, "github.com/spf13/cobra") || i == "log" || i == "flag" {
				t.Errorf("%s imports %s", pkg, i)
			}
			if within(pkg, "pkg/stream") && within(i, "pkg/sink") || within(pkg, "pkg/sink") && within(i, "pkg/stream") {
				t.Errorf("%s imports %s", pkg, i)
			}
		}
	}
}

// The schema is pure: it decodes what is in memory, and imports nothing of ours.
func TestSchemaImports(t *testing.T) {
	for _, i := range imports(t)["pkg/schema"] {
		if ours(i) {
			t.Errorf("pkg/schema imports %s", i)
		}
		for _, impure := range []string{"os", "net", "io", "io/fs", "io/ioutil", "syscall", "path/filepath", "log", "log/slog", "math/rand", "math/rand/v2", "crypto/rand", "context", "sync"} {
			if i == impure || within(i, impure) && impure != "io" {
				t.Errorf("pkg/schema imports %s", i)
			}
		}
	}
}

// Only the command handles signals and flags, nothing uses other programs, and
// only what talks to AWS uses a network.
func TestOnlyTheCommandUsesTheProcess(t *testing.T) {
	talkers := []string{"internal/awsclient", "internal/doctor", "internal/register", "internal/kms", "internal/macie", "internal/s3"}
	for pkg, imported := range imports(t) {
		if within(pkg, "cmd") || forTests(pkg) {
			continue
		}
		for _, i := range imported {
			network := within(i, "net") && i != "net/url" || within(i, "github.com/aws")
			if i == "os/signal" || i == "os/exec" || i == "flag" || network && !slices.Contains(talkers, pkg) {
				t.Errorf("%s imports %s", pkg, i)
			}
		}
	}
}
