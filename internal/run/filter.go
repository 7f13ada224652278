package run

import (
	"slices"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/pkg/schema"
)

// applyFilter takes out of a batch what the filter leaves out. A record without
// created_at has the time of its source, as for partitions.
func applyFilter(f *state.Filter, b *schema.Batch) {
	texts := []struct {
		slot   int
		wanted []string
	}{
		{schema.AccountID, f.Accounts}, {schema.Region, f.Regions}, {schema.JobID, f.Jobs},
	}
	b.Filter(func(r *schema.Result) bool {
		for _, t := range texts {
			if len(t.wanted) > 0 && !slices.Contains(t.wanted, string(b.Text(r.Text[t.slot]))) {
				return false
			}
		}
		at := b.CreatedAt(r)
		return (f.Since == nil || at >= f.Since.UnixMicro()) && (f.Until == nil || at < f.Until.UnixMicro())
	})
}

func filters(f *state.Filter) bool {
	return len(f.Accounts)+len(f.Regions)+len(f.Jobs) > 0 || f.Since != nil || f.Until != nil
}
