package current

import (
	"cmp"
	"slices"

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
type origins map[originKey]newest

type originKey struct{ administrator, region, job string }

type newest struct {
	at    int64
	known bool
}

func (m origins) add(b *schema.Batch, r *schema.Result, created where.Value) {
	k := originKey{string(administratorOf(b, r).Text()), string(textOf(b, r, schema.Region).Text()), string(textOf(b, r, schema.JobID).Text())}
	n := newest{}
	if !created.Null() {
		n = newest{created.Int(), true}
	}
	m.set(k, n)
}

func (m origins) set(k originKey, n newest) {
	if have, ok := m[k]; !ok || n.known && (!have.known || n.at > have.at) {
		m[k] = n
	}
}

func (m origins) merge(o origins) {
	for k, n := range o {
		m.set(k, n)
	}
}

func (m origins) list() []Origin {
	list := make([]Origin, 0, len(m))
	for k, n := range m {
		list = append(list, Origin{k.administrator, k.region, k.job, n.at, n.known})
	}
	slices.SortFunc(list, func(a, b Origin) int {
		return cmp.Or(cmp.Compare(a.Administrator, b.Administrator), cmp.Compare(a.Region, b.Region),
			-cmp.Compare(a.Newest, b.Newest), cmp.Compare(a.Job, b.Job))
	})
	return list
}

// Origins returns who produced the results that were added, by administrator and
// Region, and those with the newest results first.
func (s *State) Origins() []Origin { return s.kept.origins.list() }
