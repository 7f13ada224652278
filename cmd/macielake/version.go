package main

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// version is the version of the module as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}

// libraries are the dependencies whose versions matter for the output.
var libraries = [...]string{
	"github.com/apache/arrow-go/v18",
	"github.com/bytedance/sonic",
	"github.com/klauspost/compress",
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of macielake, Go and the libraries",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "macielake\t%s\n", version())
			if info, ok := debug.ReadBuildInfo(); ok {
				fmt.Fprintf(w, "go\t%s\n", strings.TrimPrefix(info.GoVersion, "go"))
				for _, dep := range info.Deps {
					if slices.Contains(libraries[:], dep.Path) {
						fmt.Fprintf(w, "%s\t%s\n", dep.Path, strings.TrimPrefix(dep.Version, "v"))
					}
				}
			}
			return w.Flush()
		},
	}
}
