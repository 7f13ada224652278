package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
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

func newRejects(s *session) *cobra.Command {
	var (
		places placeFlags
		raw    bool
		class  string
	)
	cmd := &cobra.Command{
		Use:   "rejects DATASET",
		Short: "Show which lines and sources were rejected, and why",
		Long: `Count rejected lines and sources by class. Those that 'macielake convert
--retry-rejected' has converted since are left out. --class lists the rejects of
one class; --raw lists all of them with their bytes. With --json each reject is an
element of the answer.`,
		Example: `  macielake rejects lake
  macielake rejects lake --class malformed
  macielake rejects lake --raw --json | jq -r '.answer[] | select(.line) | .raw | @base64d'`,
		Annotations: exits(exit{code: exitNotFound}),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			place, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer place.Close()
			d, err := dataset.Load(ctx, place)
			if err != nil {
				return err
			}
			runs, err := dataset.ListRuns(ctx, place)
			if err != nil {
				return err
			}
			all, err := dataset.LoadOutstanding(ctx, place, &d, runs)
			if err != nil {
				return err
			}
			return s.rows(func(w io.Writer) error {
				out := bufio.NewWriter(w)
				classes := map[schema.Class]int64{}
				err := all.Each(ctx, func(run string, r *dataset.Reject) error {
					if class != "" && string(r.Class) != class {
						return nil
					}
					classes[r.Class]++
					bytes := r.Raw
					if !raw {
						r.Raw = nil
					}
					switch {
					case s.json:
						line, err := marshalJSON(reject{run, r})
						if err != nil {
							return err
						}
						out.Write(line)
						out.WriteByte('\n')
					case raw || class != "":
						out.WriteString(rejectLine(r, bytes, raw))
					}
					return nil
				})
				if err != nil {
					return err
				}
				if !s.json {
					writeRejectCounts(out, classes, class, raw)
				}
				if err := out.Flush(); err != nil {
					return &printError{err}
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&raw, "raw", false, "list all rejects with the bytes of rejected lines, which may be personal data")
	f.StringVar(&class, "class", "", "list the rejects of this `CLASS`")
	places.addFlags(f)
	return cmd
}

// writeRejectCounts writes how many rejects each class has, unless they were
// listed, and says so where there are none.
func writeRejectCounts(out *bufio.Writer, classes map[schema.Class]int64, class string, listed bool) {
	switch {
	case len(classes) == 0 && class != "":
		fmt.Fprintf(out, "no rejects of class %s\n", text.Printable(class))
	case len(classes) == 0:
		out.WriteString("no rejects\n")
	case class == "" && !listed:
		byCount := func(a, b schema.Class) int { return cmp.Or(cmp.Compare(classes[b], classes[a]), cmp.Compare(a, b)) }
		for _, c := range slices.SortedFunc(maps.Keys(classes), byCount) {
			fmt.Fprintf(out, "%-20s %s\n", text.Printable(string(c)), text.Count(classes[c]))
		}
	}
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
