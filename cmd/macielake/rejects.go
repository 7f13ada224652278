package main

import (
	"io"
	"math"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/render"
	"github.com/macielake/macielake/internal/state"
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
--retry-rejected' has converted since are left out. Sources that could not be read
are of the class unread. --class and --uri list the rejects of one class or source;
--raw lists all of them with their bytes. With --json each reject is an element of
the answer.

--acknowledge records that the rejects are accepted as they are, and why: of a class
or a source if --class or --uri names one, otherwise all that there are now. They stay
in the caveats of every answer, and no longer make its exit code 3 or 4.`,
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
	var of state.Acknowledgement // what it would cover
	of.Reason, of.Class = o.reason, schema.Class(o.class)
	if o.uri != "" {
		of.URIs = []string{o.uri}
	}
	if o.acknowledge {
		done, err := maintain.Acknowledge(cmd.Context(), place, of)
		if err != nil {
			return err
		}
		return s.answer(done, func(w io.Writer) error { return render.Acknowledged(w, done) })
	}
	of.Through = math.MaxInt
	return s.rows(func(w io.Writer) error {
		options := render.RejectsOptions{List: o.raw || o.class != "" || o.uri != "", Raw: o.raw, Class: o.class}
		if s.json {
			options.JSON = marshalJSON
		}
		out := render.NewRejects(w, options)
		err := maintain.EachReject(cmd.Context(), place, of, out.Add)
		if err != nil {
			return err
		}
		if err := out.End(); err != nil {
			return &printError{err}
		}
		return nil
	})
}
