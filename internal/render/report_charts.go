package render

import (
	"fmt"
	"math"
	"strings"

	"github.com/macielake/macielake/internal/report"
	"github.com/macielake/macielake/internal/text"
)

// Charts are SVG of the template's; here is where their lines and boxes lie. Each figure
// in them is in a table, too.

const chartWidth = 720.0

// ageNames are the ages of a report's exposures.
var ageNames = [4]string{"up to 7 days", "up to 30 days", "up to 90 days", "older, or not known"}

type ageKey struct {
	Step  int
	Label string
}

func ageKeys() []ageKey {
	var keys []ageKey
	for i, name := range ageNames {
		keys = append(keys, ageKey{i + 1, name})
	}
	return keys
}

// exposureBar is a bar of objects by the age of the evidence.
type exposureBar struct {
	Label, Total string
	Y            int // of the words; the bar is below
	Segments     []segment
}

type segment struct {
	Step     int
	X, Width string
	Y        int
	Says     string
}

// bars draws the exposures; none where nothing is exposed.
func bars(p *report.Page) []exposureBar {
	most := int64(0)
	for i := range p.Exposed {
		most = max(most, p.Exposed[i].Total.Sensitive)
	}
	if most == 0 {
		return nil
	}
	var list []exposureBar
	for i := range p.Exposed {
		e := &p.Exposed[i]
		bar := exposureBar{Label: kindTitle(e.Kind), Total: text.Plural(e.Total.Sensitive, "object"), Y: 48*i + 14}
		x := 0.0
		for k, a := range e.Ages {
			if a.Sensitive == 0 {
				continue
			}
			width := max(chartWidth*float64(a.Sensitive)/float64(most), 1)
			bar.Segments = append(bar.Segments, segment{k + 1, at(x), at(width), bar.Y + 7, fmt.Sprintf("%s: %s", ageNames[k], text.Plural(a.Sensitive, "object"))})
			x += width
		}
		list = append(list, bar)
	}
	return list
}

func barsLabel(p *report.Page) string {
	var parts []string
	for i := range p.Exposed {
		parts = append(parts, fmt.Sprintf("%s: %s", kindTitle(p.Exposed[i].Kind), text.Plural(p.Exposed[i].Total.Sensitive, "object")))
	}
	return "Bars of exposed objects by the age of the evidence. " + strings.Join(parts, ", ")
}

// at is a coordinate.
func at(x float64) string { return fmt.Sprintf("%.1f", x) }

type heatRow struct {
	report.HeatRow
	Cells []heatCell
}

type heatCell struct {
	N    int64
	Step int // how dark, from 0 to 5
}

// heat shades the counts of buckets, by their square roots: small counts beside large ones
// are still told apart.
func heat(p *report.Page) []heatRow {
	most := int64(1)
	for _, r := range p.Buckets.Rows {
		for _, n := range r.Counts {
			most = max(most, n)
		}
	}
	var rows []heatRow
	for _, r := range p.Buckets.Rows {
		row := heatRow{HeatRow: r}
		for _, n := range r.Counts {
			row.Cells = append(row.Cells, heatCell{n, int(math.Ceil(5 * math.Sqrt(float64(n)/float64(most))))})
		}
		rows = append(rows, row)
	}
	return rows
}

// lineChart is the course of findings, with the objects analysed below it.
type lineChart struct {
	Label, Points string
	Dots          []point
	Values        []label
	Columns       []column
	Months        []label
}

type point struct{ X, Y, Says string }

type label struct{ X, Y, Anchor, Says string }

type column struct{ X, Y, Width, Height, Says string }

// chart draws months; nil where there are fewer than two.
func chart(months []report.Month) *lineChart {
	if len(months) < 2 {
		return nil
	}
	mostFound, mostObjects := int64(1), int64(1)
	for _, m := range months {
		mostFound, mostObjects = max(mostFound, m.Findings), max(mostObjects, m.Objects)
	}
	first, last := &months[0], &months[len(months)-1]
	c := &lineChart{Label: fmt.Sprintf("Open findings from %s in %s to %s in %s, and objects analysed from %s to %s",
		text.Count(first.Findings), first.Month, text.Count(last.Findings), last.Month, text.Count(first.Objects), text.Count(last.Objects))}
	step := chartWidth / float64(len(months))
	var points []string
	for i, m := range months {
		x := step * (float64(i) + 0.5)
		y := 170 - 125*float64(m.Findings)/float64(mostFound)
		points = append(points, at(x)+","+at(y))
		c.Dots = append(c.Dots, point{at(x), at(y), fmt.Sprintf("%s: %s", m.Month, text.Plural(m.Findings, "open finding"))})
		if i == 0 || i == len(months)-1 || m.Findings == mostFound {
			c.Values = append(c.Values, label{at(x), at(y - 9), "middle", text.Count(m.Findings)})
		}
		height := 62 * float64(m.Objects) / float64(mostObjects)
		c.Columns = append(c.Columns, column{at(x - step*0.32), at(270 - height), at(step * 0.64), at(height), fmt.Sprintf("%s: %s", m.Month, text.Plural(m.Objects, "object"))})
		c.Months = append(c.Months, label{X: at(x), Says: m.Month[2:]})
	}
	c.Points = strings.Join(points, " ")
	return c
}

// spark is the course of a category.
type spark struct {
	Category, Points, Label string
	First, Last             int64
}

func sparks(p *report.Page) []spark {
	var list []spark
	for i, category := range p.Categories {
		most := int64(0)
		for _, m := range p.Months {
			most = max(most, m.Counts[i])
		}
		if most == 0 || len(p.Months) < 2 {
			continue
		}
		s := spark{Category: category, First: p.Months[0].Counts[i], Last: p.Months[len(p.Months)-1].Counts[i]}
		var points []string
		for k, m := range p.Months {
			points = append(points, at(2+116*float64(k)/float64(len(p.Months)-1))+","+at(21-18*float64(m.Counts[i])/float64(most)))
		}
		s.Points, s.Label = strings.Join(points, " "), fmt.Sprintf("from %s to %s", text.Count(s.First), text.Count(s.Last))
		list = append(list, s)
	}
	return list
}
