package maintain

import (
	"context"
	"fmt"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Repairs are the problems of a dataset, and what became of them.
type Repairs struct {
	Dataset string `json:"dataset"` // its URI
	// Rebuilt are the problems that are gone, or would be: the file was rebuilt
	// from others that prove what it held.
	Rebuilt []Problem `json:"rebuilt"`
	// InTheWay are damaged files that could be rebuilt if they were moved away:
	// repair replaces nothing.
	InTheWay []Problem `json:"in_the_way"`
	// Lost are the others: the file has to come from a copy of the dataset.
	Lost    []Problem `json:"lost"`
	Written bool      `json:"written"` // not only said
}

// Left reports whether problems are left that nothing was proven about.
func (r *Repairs) Left() int { return len(r.InTheWay) + len(r.Lost) }

// Repair rebuilds what other records prove: a claim that an end record has
// embedded, the end record or the runs row of receipts that are whole, the dataset
// record that claims have embedded. For every other problem it says which sources
// and rows the file covered. It creates files, and never replaces, moves or removes
// one. Without write it changes nothing.
func Repair(ctx context.Context, s store.Store, write bool) (*Repairs, error) {
	if err := state.CheckDropped(ctx, s); err != nil {
		return nil, err
	}
	r := &Repairs{Dataset: s.URI("."), Rebuilt: []Problem{}, InTheWay: []Problem{}, Lost: []Problem{}, Written: write}
	// A record that was rebuilt may prove another: as many rounds as there are
	// kinds of records that build on each other.
	for range 4 {
		v, err := newSurvey(ctx, s)
		if err != nil {
			return nil, err
		}
		r.InTheWay, r.Lost = r.InTheWay[:0], r.Lost[:0]
		rebuilt := 0
		for _, p := range v.problems {
			switch {
			case p.rebuild == nil:
				r.Lost = append(r.Lost, p)
			case v.listed[p.Name]:
				r.InTheWay = append(r.InTheWay, p)
			default:
				rebuilt++
				r.Rebuilt = append(r.Rebuilt, p)
				if write {
					if err := p.rebuild(ctx); err != nil {
						return nil, fmt.Errorf("rebuilding %s: %w", s.URI(p.Name), err)
					}
				}
			}
		}
		if !write || rebuilt == 0 {
			break
		}
	}
	return r, nil
}
