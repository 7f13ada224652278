package current

import (
	"cmp"
	"context"
	"slices"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Origin is who produced results, and the newest of them.
type Origin struct {
	// Administrator is the Macie administrator that the sources' keys name; empty
	// where they name none.
	Administrator string
	Region        string
	// Job is empty for automated discovery.
	Job string
	// Newest is when the newest result was created, in microseconds since 1970;
	// Known says that a result has such a time.
	Newest int64
	Known  bool
}

// origins holds what is known of origins.
type origins struct {
	byKey map[originKey]*newest
	last  originKey // that was added last
	at    *newest
}

type originKey struct{ administrator, region, job string }

type newest struct {
	at    int64
	known bool
}

func newOrigins() *origins { return &origins{byKey: make(map[originKey]*newest)} }

func (m *origins) add(b *schema.Batch, r *schema.Result, administrator, created where.Value) {
	admin, region, job := administrator.Text(), textOf(b, r, schema.Region).Text(), textOf(b, r, schema.JobID).Text()
	if m.at == nil || string(admin) != m.last.administrator || string(region) != m.last.region || string(job) != m.last.job {
		m.last = originKey{string(admin), string(region), string(job)}
		m.at = m.of(m.last)
	}
	if !created.Null() {
		m.at.set(created.Int())
	}
}

func (m *origins) of(k originKey) *newest {
	n := m.byKey[k]
	if n == nil {
		n = &newest{}
		m.byKey[k] = n
	}
	return n
}

func (n *newest) set(at int64) {
	if !n.known || at > n.at {
		*n = newest{at, true}
	}
}

func (m *origins) merge(o *origins) {
	for k, n := range o.byKey {
		if mine := m.of(k); n.known {
			mine.set(n.at)
		}
	}
}

func (m *origins) list() []Origin {
	list := make([]Origin, 0, len(m.byKey))
	for k, n := range m.byKey {
		list = append(list, Origin{k.administrator, k.region, k.job, n.at, n.known})
	}
	slices.SortFunc(list, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Administrator, b.Administrator), cmp.Compare(a.Region, b.Region),
			-cmp.Compare(a.Newest, b.Newest), cmp.Compare(a.Job, b.Job))
	})
	return list
}

// Origins returns who produced the results that were added, by administrator and
// Region, and those with the newest results first; nobody without Options.Origins.
func (s *State) Origins() []Origin { return s.kept.origins.list() }

// OriginsOf returns who produced the results of a dataset, as [State.Origins] does,
// reading little else.
func OriginsOf(ctx context.Context, l *lake.Lake, workers int) ([]Origin, error) {
	if !l.Has("results") {
		return nil, &lake.NoTableError{Table: "results", Tables: l.Dataset.Tables}
	}
	all := newOrigins()
	q := lake.Query{
		Table: "results", Workers: workers,
		Columns: []string{"is_archive_member", "admin_account_id", "region", "job_id", "created_at"},
	}
	spare := newSpare()
	err := lake.Scan(ctx, l, q, spare.fill, func(b *rowBatch) error {
		defer spare.put(b)
		for i := range b.Results {
			r := &b.Results[i]
			all.add(b.Batch, r, textOf(b.Batch, r, schema.AdminAccountID), intOf(r, schema.CreatedAt))
		}
		return nil
	})
	return all.list(), err
}
