// Package summarize answers what the command summarize asks: an overview, groups,
// or a preset. An answer is a model without a writer; internal/text renders it.
//
// [NewOverview] and [NewGroups] make answers; a preset that lists rows streams them
// with [WriteRows].
package summarize

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/nearest"
	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/internal/where"
)

// Options say what is asked. Without By and without Preset it is the overview.
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
	All     bool  // every result, not what is current
	Members bool
	Trend   bool // the state at the end of each month
	// Until, if not null, is the time as of which the answer is.
	Until where.Value
	// Through, if not nil, reports whether a run exists.
	Through func(run string) bool
	// Late, if not nil, reports whether a run began after Until.
	Late func(run string) bool
	// Limited says that something is missing from the inputs: no sentence of the
	// answer may reassure.
	Limited bool
	// Config, if not nil, has owners, names, and what it says of findings.
	Config *config.Config
	// Now is the time that ages are told by.
	Now     time.Time
	Memory  int64
	Workers int
}

// Inputs are what is summarized: datasets, or results.
type Inputs struct {
	Datasets []*lake.Lake
	Results  *raw.Options // nil where there are none
}

// DefaultMeasures are the measures of groups by those dimensions: where they are
// of findings, only what findings have.
func DefaultMeasures(by []query.Dimension) []query.Measure {
	if slices.ContainsFunc(by, query.Dimension.OfFindings) {
		return []query.Measure{query.Sensitive, query.Confirmed, query.Unconfirmed, query.Occurrences, query.Locations}
	}
	return []query.Measure{
		query.Objects, query.Sensitive, query.Confirmed, query.Unconfirmed, query.Occurrences, query.Bytes,
		query.Partial, query.Skipped,
	}
}

// SortError says that groups can't be sorted by what they don't have.
type SortError struct {
	Sort string
	Has  []string
}

func (e *SortError) Error() string {
	return fmt.Sprintf("no column %q to sort by: %s", e.Sort, nearest.Suggestion(e.Sort, e.Has))
}

// order returns the order of groups that o asks for, or a *SortError.
func (o *Options) order() (query.Order, error) {
	order := query.Order{Top: o.Top}
	var names []string
	for _, m := range o.Measures {
		names = append(names, m.String())
	}
	for _, d := range o.By {
		names = append(names, d.Name())
	}
	sort := o.Sort
	if sort == "" && o.Trend {
		sort = trendDimension
	}
	if sort == "" {
		order.By = max(0, slices.Index(o.Measures, query.Occurrences))
		return order, nil
	}
	if order.By = slices.Index(names, sort); order.By < 0 {
		return order, &SortError{sort, names}
	}
	return order, nil
}

func (o *Options) summary(origins bool, views ...query.View) *query.Summary {
	return query.NewSummary(query.Options{
		Views: views, Where: o.Where, Origins: origins, All: o.All, Members: o.Members, Months: o.Trend, Until: o.Until,
		Through: o.Through, Late: o.Late, Config: o.Config, Memory: o.Memory, Workers: o.Workers,
	})
}

// add gives all inputs to a summary.
func (in *Inputs) add(ctx context.Context, s *query.Summary) (*raw.Tally, error) {
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
func groupColumns(v *query.View) []text.Column {
	var columns []text.Column
	for _, d := range v.By {
		columns = append(columns, text.Column{Name: d.Name()})
	}
	for _, m := range v.Measures {
		columns = append(columns, text.Column{Name: m.String(), Number: true})
	}
	return columns
}

// groupCells appends the cells of a group.
func groupCells(cells []text.Cell, g *query.Group) []text.Cell {
	for _, v := range g.Values {
		cells = append(cells, text.Cell{Set: !v.Null(), Text: v.Text()})
	}
	for _, s := range g.Sums {
		cells = append(cells, text.Of(s.String()))
	}
	return cells
}

// forPeople gives accounts and jobs among cells their names. It changes the cells.
func forPeople(c *config.Config, columns []text.Column, cells []text.Cell) []text.Cell {
	if c == nil {
		return cells
	}
	for i := range cells {
		if !cells[i].Set {
			continue
		}
		switch id := string(cells[i].Text); columns[i].Name {
		case "account", "administrator":
			cells[i] = text.Of(c.AccountName(id))
		case "job":
			cells[i] = text.Of(c.JobName(id))
		case "origin":
			if job, ok := strings.CutPrefix(id, jobOrigin); ok {
				cells[i] = text.Of(jobOrigin + c.JobName(job))
			}
		}
	}
	return cells
}

// jobOrigin precedes the ID of a job in the section of origins.
const jobOrigin = "job "

// Groups are the answer by dimensions. They can be read once; the caller closes
// them.
type Groups struct {
	// Heading says what the groups are of, where that is easily taken for something
	// else; empty otherwise.
	Heading string
	Columns []text.Column
	// Tally counts the lines and sources that aren't in the answer; nil for datasets.
	Tally *raw.Tally
	// Filtered says that a filter chose among Findings open findings.
	Filtered bool
	Findings int64
	Late     int64 // results of late runs

	summary *query.Summary
	order   query.Order
	config  *config.Config
}

// trendDimension is the dimension that a trend is by.
const trendDimension = "month"

// NewGroups answers by dimensions, or with a preset that groups. The groups are nil
// after an error; the tally of what was read is returned nevertheless.
func NewGroups(ctx context.Context, o Options, in Inputs) (*Groups, *raw.Tally, error) {
	if o.Preset != nil {
		o.By, o.Measures = o.Preset.by(), o.Preset.Measures
		o.All = true
	}
	if len(o.Measures) == 0 {
		o.Measures = DefaultMeasures(o.By)
	}
	if o.Trend && !slices.Contains(o.Measures, query.Objects) {
		// No trend without how many were analysed.
		o.Measures = append([]query.Measure{query.Objects}, o.Measures...)
	}
	order, err := o.order()
	if err != nil {
		return nil, nil, err
	}
	view := query.View{By: o.By, Measures: o.Measures}
	g := &Groups{
		Columns: groupColumns(&view), Filtered: o.Where != nil, order: order, summary: o.summary(false, view), Heading: o.heading(), config: o.Config,
	}
	if g.Tally, err = in.add(ctx, g.summary); err == nil {
		err = g.summary.Count(ctx)
	}
	if err == nil {
		err = g.summary.CheckLiterals()
	}
	if err != nil {
		g.Close()
		return nil, g.Tally, err
	}
	g.Findings, g.Late = g.summary.Findings(), g.summary.Late()
	return g, g.Tally, nil
}

// heading says what groups by time are of.
func (o *Options) heading() string {
	if o.All {
		return ""
	}
	for _, d := range o.By {
		switch name := d.Name(); {
		case name == trendDimension && o.Trend:
			return "The state at the end of each month"
		case name == "date" || name == trendDimension:
			return "The state now, by the " + strings.Replace(name, "date", "day", 1) + " of each object's last analysis (--trend gives the state at the end of each month)"
		}
	}
	return ""
}

// Each calls do for each group's cells, in order. They are valid until it returns.
func (g *Groups) Each(ctx context.Context, do func(cells []text.Cell) error) error {
	var cells []text.Cell
	_, err := g.summary.Groups(ctx, 0, g.order, func(group *query.Group) error {
		cells = groupCells(cells[:0], group)
		return do(cells)
	})
	return err
}

// Close drops what the groups hold.
func (g *Groups) Close() { g.summary.Close() }
