// Package summarize answers what the command summarize is asked: with groups,
// with a preset, or with an overview, in the formats of internal/table.
//
// Start with [Write].
package summarize

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/table"
	"github.com/macielake/macielake/internal/where"
)

// Options say what is asked, and how the answer is written. Without By and
// without Preset it is the overview.
type Options struct {
	By       []query.Dimension
	Measures []query.Measure // DefaultMeasures if there are none
	Preset   *Preset
	// Where is a filter on query.Fields, or for a preset that lists rows on
	// cat.Fields of its table; nil for all.
	Where *where.Filter
	// Sort names a measure, or a dimension; occurrences, or else the first
	// measure, where it is empty.
	Sort    string
	Top     int64 // groups or rows, 0 for all; the overview's sections have it, too
	All     bool  // every analysis, not what is current
	Members bool
	Memory  int64
	Workers int

	Format table.Format
	Table  table.Options
}

// Inputs are what is summarised: datasets, or results.
type Inputs struct {
	Datasets []*lake.Lake
	Results  *raw.Options // nil where there are none
}

// Write writes the answer to w. The account, which may be nil, has what of the
// results is not in it, also after an error.
func Write(ctx context.Context, w io.Writer, o Options, in Inputs) (*raw.Account, error) {
	switch {
	case o.Preset != nil && o.Preset.Lists():
		return writeRows(ctx, w, o, in)
	case o.Preset != nil:
		o.By, o.Measures = o.Preset.by(), o.Preset.Measures
		o.All = true
		o.Members = o.Members || o.Preset.Members
	case len(o.By) == 0:
		return writeOverview(ctx, w, o, in)
	}
	return writeGroups(ctx, w, o, in)
}

// DefaultMeasures are the measures of groups by those dimensions: where they are
// of types, only what types have.
func DefaultMeasures(by []query.Dimension) []query.Measure {
	if slices.ContainsFunc(by, query.Dimension.OfTypes) {
		return []query.Measure{query.Sensitive, query.Occurrences, query.Locations}
	}
	return []query.Measure{query.Objects, query.Sensitive, query.Occurrences, query.Bytes, query.Partial, query.Skipped}
}

// SortError says that groups can't be sorted by what they don't have.
type SortError struct {
	Sort string
	Has  []string
}

func (e *SortError) Error() string {
	return fmt.Sprintf("there is no column %q to sort by; there are %v", e.Sort, e.Has)
}

// Order returns the order of groups that o asks for, or a *SortError.
func (o *Options) order() (query.Order, error) {
	order := query.Order{Top: o.Top}
	var names []string
	for _, m := range o.Measures {
		names = append(names, m.String())
	}
	for _, d := range o.By {
		names = append(names, d.Name())
	}
	if o.Sort == "" {
		order.By = max(0, slices.Index(o.Measures, query.Occurrences))
		return order, nil
	}
	if order.By = slices.Index(names, o.Sort); order.By < 0 {
		return order, &SortError{o.Sort, names}
	}
	return order, nil
}

func (o *Options) summary(views ...query.View) *query.Summary {
	return query.NewSummary(query.Options{
		Views: views, Where: o.Where, All: o.All, Members: o.Members, Memory: o.Memory, Workers: o.Workers,
	})
}

// add gives all inputs to a summary.
func (in *Inputs) add(ctx context.Context, s *query.Summary) (*raw.Account, error) {
	for _, l := range in.Datasets {
		if err := s.AddDataset(ctx, l); err != nil {
			return nil, err
		}
	}
	if in.Results == nil {
		return nil, nil
	}
	return s.AddResults(ctx, *in.Results)
}

// groupColumns are the columns of a view's groups.
func groupColumns(v *query.View) []table.Column {
	var columns []table.Column
	for _, d := range v.By {
		columns = append(columns, table.Column{Name: d.Name()})
	}
	for _, m := range v.Measures {
		columns = append(columns, table.Column{Name: m.String(), Number: true})
	}
	return columns
}

// groupCells appends the cells of a group.
func groupCells(cells []table.Cell, g *query.Group) []table.Cell {
	for _, v := range g.Values {
		cells = append(cells, table.Cell{Set: !v.Null(), Text: v.Text()})
	}
	for _, s := range g.Sums {
		cells = append(cells, table.TextCell(s.String()))
	}
	return cells
}

func writeGroups(ctx context.Context, w io.Writer, o Options, in Inputs) (*raw.Account, error) {
	if len(o.Measures) == 0 {
		o.Measures = DefaultMeasures(o.By)
	}
	order, err := o.order()
	if err != nil {
		return nil, err
	}
	view := query.View{By: o.By, Measures: o.Measures}
	s := o.summary(view)
	defer s.Close()
	account, err := in.add(ctx, s)
	if err != nil {
		return account, err
	}
	out := table.New(w, o.Format, groupColumns(&view), o.Table)
	var cells []table.Cell
	_, err = s.Groups(ctx, 0, order, func(g *query.Group) error {
		cells = groupCells(cells[:0], g)
		return out.Row(cells)
	})
	if err == nil {
		err = out.End()
	}
	return account, err
}
