package main

import (
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

func newGC() *cobra.Command {
	var (
		places         placeFlags
		asJSON, remove bool
	)
	cmd := &cobra.Command{
		Use:   "gc DATASET",
		Short: "Remove what dead work has left behind",
		Long: `List what converters that died have left in a dataset, and with --delete remove
it: files of attempts that came to nothing, plans and ledgers that nothing names.
What a run names stays, and so does everything younger than 24 hours. It may go
on beside converters at work.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			s, err := places.openNamed(cmd, args[0])
			if err != nil {
				return err
			}
			defer s.Close()
			garbage, err := dataset.FindGarbage(ctx, s, time.Now(), newLog(cmd.ErrOrStderr(), false))
			if err != nil {
				return err
			}
			if remove {
				if err := dataset.RemoveGarbage(ctx, s, garbage); err != nil {
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
			if asJSON {
				err = writeJSON(cmd.OutOrStdout(), c)
			} else {
				var p printer
				for _, g := range garbage {
					p.line(text.Bytes(g.Bytes), "%s: %s", text.Short(g.Name), g.Why)
				}
				what := "garbage; --delete removes it"
				if remove {
					what = "removed"
				}
				p.line("total", "%s in %d files %s", text.Bytes(c.Bytes), len(garbage), what)
				err = p.flush(cmd.OutOrStdout())
			}
			if err != nil {
				return &printError{err}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	cmd.Flags().BoolVar(&remove, "delete", false, "remove it, instead of listing it alone")
	places.addFlags(cmd.Flags())
	return cmd
}
