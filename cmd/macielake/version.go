package main

import (
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// build is what this program was made of.
type build struct {
	Version string `json:"version"` // devel where the build knows none
	Commit  string `json:"commit,omitempty"`
	// Modified says that files differed from the commit.
	Modified  bool              `json:"modified,omitempty"`
	Go        string            `json:"go"`
	Platform  string            `json:"platform"`
	Libraries map[string]string `json:"libraries"`
}

// libraries are the dependencies whose versions matter for the output.
var libraries = [...]string{
	"github.com/apache/arrow-go/v18",
	"github.com/bytedance/sonic",
	"github.com/klauspost/compress",
}

// thisBuild reads what the Go command recorded: the version that go install was
// given, or what version control said where it was built from a clone.
func thisBuild() build {
	b := build{Version: "devel", Libraries: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = strings.TrimPrefix(info.GoVersion, "go")
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = strings.TrimPrefix(v, "v")
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	b.Commit, b.Modified = settings["vcs.revision"], settings["vcs.modified"] == "true"
	b.Platform = settings["GOOS"] + "/" + settings["GOARCH"]
	for _, dep := range info.Deps {
		if slices.Contains(libraries[:], dep.Path) {
			b.Libraries[dep.Path] = strings.TrimPrefix(dep.Version, "v")
		}
	}
	return b
}

// version is the version of the program.
func version() string { return thisBuild().Version }

// short is the build on one line.
func (b build) short() string {
	commit := ""
	if b.Commit != "" {
		commit = " (" + b.Commit[:min(12, len(b.Commit))]
		if b.Modified {
			commit += ", modified"
		}
		commit += ")"
	}
	return b.Version + commit
}

func newVersion(s *session) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Show the versions of macielake, Go and the libraries",
		Example:     "  macielake version --json",
		Annotations: exits(),
		RunE:        func(*cobra.Command, []string) error { return s.printVersion() },
	}
}

func (s *session) printVersion() error {
	b := thisBuild()
	return s.answer(b, func(w io.Writer) error {
		tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(tab, "macielake\t%s\n", b.short())
		fmt.Fprintf(tab, "go\t%s %s\n", b.Go, b.Platform)
		for _, path := range libraries {
			if v, ok := b.Libraries[path]; ok {
				fmt.Fprintf(tab, "%s\t%s\n", path, v)
			}
		}
		return tab.Flush()
	})
}
