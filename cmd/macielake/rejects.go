package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// rejectsOptions are the flags of rejects.
type rejectsOptions struct {
	placeFlags
	raw         bool
	class, uri  string
	acknowledge bool
	reason      string
}

func newRejects(s *session) *cobra.Command {
	var o rejectsOptions
	cmd := &cobra.Command{
		Use:   "rejects DATASET",
		Short: "Show which lines and sources were rejected, and why",
		Long: `Count rejected lines and sources by class. Those that 'macielake convert
--retry-rejected' has converted since are left out. --class and --uri list the
rejects of one class or source; --raw lists all of them with their bytes. With
--json each reject is an element of the answer.

--acknowledge records that the rejects are accepted as they are, and why: of a class
or a source if --class or --uri names one, otherwise all that there are now, and
without --class the sources that could not be read. They stay in the caveats of every
answer, and no longer make its exit code 3 or 4.`,
		Example: `  macielake rejects lake
  macielake rejects lake --class malformed
  macielake rejects lake --acknowledge --class malformed --reason "cut off by the outage of 3 May"
  macielake rejects lake --raw --json | jq -r '.answer[] | select(.line) | .raw | @base64d'`,
		Annotations: exits(exit{exitNotFound, "the dataset does not exist, or there is nothing to acknowledge"}),
		RunE:        func(cmd *cobra.Command, args []string) error { return o.run(s, cmd, args[0]) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.raw, "raw", false, "list all rejects with the bytes of rejected lines, which may be personal data")
	f.StringVar(&o.class, "class", "", "only the rejects of this `CLASS`")
	f.StringVar(&o.uri, "uri", "", "only the rejects of the source with this `URI`")
	f.BoolVar(&o.acknowledge, "acknowledge", false, "record that the rejects are accepted")
	f.StringVar(&o.reason, "reason", "", "why they are accepted, as `TEXT`")
	o.addFlags(f)
	return cmd
}

func (o *rejectsOptions) run(s *session, cmd *cobra.Command, name string) error {
	switch {
	case o.acknowledge && o.raw:
		return usagef("--acknowledge lists nothing: leave out --raw")
	case o.acknowledge != (o.reason != ""):
		return usagef("--acknowledge and --reason go together")
	}
	place, err := o.openNamed(cmd, name)
	if err != nil {
		return err
	}
	defer place.Close()
	if o.acknowledge {
		done, err := maintain.Acknowledge(cmd.Context(), place, maintain.Acknowledgement{Reason: o.reason, Class: schema.Class(o.class), URI: o.uri})
		if err != nil {
			return err
		}
		return s.answer(done, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s acknowledged; %s neither acknowledged nor converted\n",
				text.Plural(done.Rejects, "reject"), text.Plural(done.Left, "reject"))
			if err == nil && done.Unread+done.UnreadLeft > 0 {
				_, err = fmt.Fprintf(w, "%s acknowledged; %s neither acknowledged nor read\n",
					text.Plural(done.Unread, "unread source"), text.Plural(done.UnreadLeft, "unread source"))
			}
			return err
		})
	}
	listed := o.raw || o.class != "" || o.uri != ""
	return s.rows(func(w io.Writer) error {
		out := bufio.NewWriter(w)
		counts := rejectCounts{classes: map[schema.Class]int64{}}
		err := maintain.EachReject(cmd.Context(), place, func(r *maintain.OutstandingReject) error {
			if o.class != "" && string(r.Class) != o.class || o.uri != "" && r.URI != o.uri {
				return nil
			}
			counts.add(r)
			bytes := r.Raw
			if !o.raw {
				r.Raw = nil
			}
			switch {
			case s.json:
				line, err := marshalJSON(r)
				if err != nil {
					return err
				}
				out.Write(line)
				out.WriteByte('\n')
			case listed:
				out.WriteString(rejectLine(r.Reject, bytes, o.raw))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if !s.json {
			counts.write(out, o, listed)
		}
		if err := out.Flush(); err != nil {
			return &printError{err}
		}
		return nil
	})
}

// rejectCounts counts rejects by class.
type rejectCounts struct {
	classes      map[schema.Class]int64
	acknowledged int64
}

func (c *rejectCounts) add(r *maintain.OutstandingReject) {
	c.classes[r.Class]++
	if r.Acknowledged {
		c.acknowledged++
	}
}

// write writes how many rejects each class has, unless they were listed, and says
// so where there are none.
func (c *rejectCounts) write(out *bufio.Writer, o *rejectsOptions, listed bool) {
	switch {
	case len(c.classes) == 0 && o.class != "":
		fmt.Fprintf(out, "no rejects of class %s\n", text.Printable(o.class))
	case len(c.classes) == 0:
		out.WriteString("no rejects\n")
	case !listed:
		byCount := func(a, b schema.Class) int {
			return cmp.Or(cmp.Compare(c.classes[b], c.classes[a]), cmp.Compare(a, b))
		}
		for _, class := range slices.SortedFunc(maps.Keys(c.classes), byCount) {
			fmt.Fprintf(out, "%-20s %s\n", text.Printable(string(class)), text.Count(c.classes[class]))
		}
	}
	if c.acknowledged > 0 && !listed {
		fmt.Fprintf(out, "%-20s %s\n", "acknowledged", text.Count(c.acknowledged))
	}
}

// rejectLine is a line for people about a reject.
func rejectLine(r *state.Reject, raw []byte, withRaw bool) string {
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
