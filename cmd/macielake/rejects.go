package main

import (
	"bufio"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// reject is a reject as rejects prints it.
type reject struct {
	Run string `json:"run"`
	*dataset.Reject
}

func newRejects() *cobra.Command {
	var (
		places      placeFlags
		asJSON, raw bool
		class       string
	)
	cmd := &cobra.Command{
		Use:   "rejects DATASET",
		Short: "Say which lines and objects were rejected",
		Long: `Say how many lines and objects were rejected, by class, and are so still: what
'macielake convert --retry-rejected' converted since is left out. With --class
those of one class are listed, with --raw all are, with their bytes.`,
		Example: `  macielake rejects lake
  macielake rejects lake --class malformed
  macielake rejects lake --raw --json | jq -r 'select(.line) | .raw | @base64d'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			d, err := dataset.Load(ctx, s)
			if err != nil {
				return err
			}
			runs, err := dataset.ListRuns(ctx, s)
			if err != nil {
				return err
			}
			all, err := dataset.LoadOutstanding(ctx, s, &d, runs)
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			classes := map[schema.Class]int64{}
			err = all.Each(ctx, func(run string, r *dataset.Reject) error {
				if class != "" && string(r.Class) != class {
					return nil
				}
				classes[r.Class]++
				bytes := r.Raw
				if !raw {
					r.Raw = nil
				}
				switch {
				case asJSON:
					err = writeJSON(out, reject{run, r})
				case raw || class != "":
					_, err = fmt.Fprint(out, rejectLine(r, bytes, raw))
				}
				if err != nil {
					return &printError{err}
				}
				return nil
			})
			if err != nil {
				return err
			}
			if !asJSON && !raw && class == "" {
				for _, c := range slices.SortedFunc(maps.Keys(classes), func(a, b schema.Class) int { return int(classes[b] - classes[a]) }) {
					fmt.Fprintf(out, "%-20s %s\n", text.Printable(string(c)), text.Count(classes[c]))
				}
			}
			if err := out.Flush(); err != nil {
				return &printError{err}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print a JSON object a reject")
	f.BoolVar(&raw, "raw", false, "list all, with the bytes of rejected lines: they may be personal data")
	f.StringVar(&class, "class", "", "list those of this class")
	places.addFlags(f)
	return cmd
}

// rejectLine is a line for people about a reject.
func rejectLine(r *dataset.Reject, raw []byte, withRaw bool) string {
	where := text.Printable(text.Short(r.URI))
	if r.Line > 0 {
		where += fmt.Sprintf(", line %d, byte offset %d", r.Line, r.Offset)
	}
	line := fmt.Sprintf("%s: %s\n", where, text.Printable(string(r.Class)))
	if withRaw && len(raw) > 0 {
		line += "  " + text.Printable(string(raw)) + "\n"
	}
	return line
}
