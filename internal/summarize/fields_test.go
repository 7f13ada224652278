package summarize

import (
	"slices"
	"testing"

	"github.com/macielake/macielake/internal/cat"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// A name that a filter on rows takes besides the columns' own is one of summaries,
// and what both take is of one kind.
func TestFieldsAgree(t *testing.T) {
	fields := query.Fields()
	shared := 0
	for _, table := range schema.Tables() {
		for _, f := range cat.Fields(table) {
			i := slices.IndexFunc(fields, func(o where.Field) bool { return o.Name == f.Name })
			if i < 0 {
				if _, ok := table.Column(f.Name); !ok && f.Name != "capped" {
					t.Errorf("%s of %s isn't a field of summaries", f.Name, table.Name)
				}
				continue
			}
			shared++
			// Summaries group by true and false, as texts.
			if kind := fields[i].Kind; kind != f.Kind && (f.Kind != where.Bool || kind != where.Text) {
				t.Errorf("%s is of kind %d in %s, and of kind %d in summaries", f.Name, f.Kind, table.Name, kind)
			}
		}
	}
	if shared < 60 {
		t.Errorf("only %d names are shared", shared)
	}
}
