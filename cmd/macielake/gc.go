package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/text"
)

// collected is what gc prints.
type collected struct {
	Garbage []dataset.Garbage `json:"garbage"`
	Bytes   int64             `json:"bytes"`
	Deleted bool              `json:"deleted"`
}

func newGC(s *session) *cobra.Command {
	var (
		places placeFlags
		remove bool
	)
	cmd := &cobra.Command{
		Use:   "gc DATASET",
		Short: "List leftovers of interrupted runs; --delete removes them",
		Long: `List what interrupted converters have left in a dataset: files of attempts that
were not published, plans and ledgers that no run names. --delete removes them.
Files that a run names stay, and so do those younger than 24 hours. It can run
beside converters.`,
		Example: `  macielake gc lake
  macielake gc lake --delete`,
		Annotations: exits(exit{code: exitNotFound}),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			d, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			garbage, err := dataset.FindGarbage(ctx, d, time.Now(), newLog(s.stderr, false))
			if err != nil {
				return err
			}
			if remove {
				if err := dataset.RemoveGarbage(ctx, d, garbage); err != nil {
					return err
				}
			}
			c := collected{Garbage: garbage, Deleted: remove}
			if c.Garbage == nil {
				c.Garbage = []dataset.Garbage{}
			}
			for _, g := range garbage {
				c.Bytes += g.Bytes
			}
			return s.answer(c, c.write)
		},
	}
	cmd.Flags().BoolVar(&remove, "delete", false, "remove the leftovers")
	places.addFlags(cmd.Flags())
	return cmd
}

func (c *collected) write(w io.Writer) error {
	var p printer
	for _, g := range c.Garbage {
		p.line(text.Bytes(g.Bytes), "%s: %s", text.Short(g.Name), g.Why)
	}
	files := text.Plural(int64(len(c.Garbage)), "file")
	switch {
	case len(c.Garbage) == 0:
		p.line("total", "nothing to clean up")
	case c.Deleted:
		p.line("total", "%s in %s removed", text.Bytes(c.Bytes), files)
	default:
		p.line("total", "%s in %s; --delete removes them", text.Bytes(c.Bytes), files)
	}
	return p.flush(w)
}
