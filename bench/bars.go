package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bar is a figure that must reach must and should reach goal.
type bar struct {
	what       string
	unit       string // of all three figures
	must, goal float64
	atLeast    bool // else at most
	value      float64
}

func (b bar) reaches(limit float64) bool {
	if b.atLeast {
		return b.value >= limit
	}
	return b.value <= limit
}

// missed reports whether the bar must have been reached and wasn't.
func (b bar) missed() bool { return !b.reaches(b.must) }

func (b bar) verdict() string {
	switch {
	case b.missed():
		return "**missed**"
	case b.reaches(b.goal):
		return "goal reached"
	}
	return "pass"
}

func (b bar) format(v float64) string {
	switch b.unit {
	case "MB":
		return fmt.Sprintf("%.0f MB", v)
	case "x":
		return strconv.FormatFloat(v, 'f', 2, 64) + " x"
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func (b bar) limit(v float64) string {
	if b.atLeast {
		return ">= " + b.format(v)
	}
	return "<= " + b.format(v)
}

// judge returns the bars of what was measured; one that needs a side that
// wasn't is left out.
func (r *report) judge() []bar {
	var bars []bar
	// ratio adds a bar for the quotient of two sides' median times.
	ratio := func(what, profile, over, under string, must, goal float64, atLeast bool) {
		a, b := r.samples(profile, over), r.samples(profile, under)
		if len(a) > 0 && len(b) > 0 {
			bars = append(bars, bar{what: what, unit: "x", must: must, goal: goal, atLeast: atLeast,
				value: medianWall(a).Seconds() / medianWall(b).Seconds()})
		}
	}
	ratio("mixed, 1 core: time of a conversion over that of `gzip -dc`", "mixed", macielake1, gzip1, 1.25, 1, false)
	ratio("mixed, 1 core: time of the better database over ours", "mixed",
		r.faster("mixed", duckdb1, clickhouse1), macielake1, 4.5, 6, true)
	ratio("mixed, 2 cores: time of the better database over ours", "mixed",
		r.faster("mixed", duckdb2, clickhouse2), macielake2, 4.5, 6, true)
	ratio("small, 2 cores: time of DuckDB over ours", "small", duckdb2, macielake2, 10, 15, true)
	ratio("mixed: throughput of 2 workers over that of 2 processes of 1 worker on half the input each",
		"mixed", macielakeHalves, macielake2, 0.9, 1, true)
	ratio("large: time with 1 core over that with 2", "large", macielake1, macielake2, 1.4, 1.7, true)
	ratio("mixed, 1 core, `--tables results`: time over that of klauspost gzip alone",
		"mixed", macielakeResults, klauspost1, 1.6, 1.25, false)
	for _, m := range r.measured {
		if samples := m.samples[macielake2]; len(samples) > 0 {
			bars = append(bars, bar{what: m.name + ", 2 workers: peak memory", unit: "MB", must: 256, goal: 128,
				value: float64(highestPeak(samples)) / 1e6})
		}
	}
	if r.allocs != nil {
		bars = append(bars, bar{what: "decoder, warm: allocations per line", value: *r.allocs})
	}
	for _, s := range r.sizes {
		bars = append(bars, bar{what: "mixed: bytes of `" + s.table + "` over those of DuckDB's COPY with zstd and row groups of as many rows",
			unit: "x", must: 1.05, goal: 0.9, value: float64(s.ours) / float64(s.theirs)})
	}
	return bars
}

// faster returns that of two sides whose median is smaller; one that wasn't
// measured isn't.
func (r *report) faster(profile, a, b string) string {
	as, bs := r.samples(profile, a), r.samples(profile, b)
	if len(as) == 0 || len(bs) > 0 && medianWall(bs) < medianWall(as) {
		return b
	}
	return a
}

// samples returns a side's samples on a profile; none if it didn't run.
func (r *report) samples(profile, id string) []sample {
	for _, m := range r.measured {
		if m.name == profile {
			return m.samples[id]
		}
	}
	return nil
}

// byWall returns the samples from the fastest to the slowest.
func byWall(samples []sample) []sample {
	return slices.SortedFunc(slices.Values(samples), func(a, b sample) int { return int(a.wall - b.wall) })
}

// medianSample is the sample of the median time, the faster of the two in the
// middle.
func medianSample(samples []sample) sample { return byWall(samples)[(len(samples)-1)/2] }

// medianWall is the median time.
func medianWall(samples []sample) time.Duration {
	s := byWall(samples)
	n := len(s)
	return (s[(n-1)/2].wall + s[n/2].wall) / 2
}

func highestPeak(samples []sample) int64 {
	peak := int64(0)
	for _, s := range samples {
		peak = max(peak, s.peak)
	}
	return peak
}

// tableSize is how large a table is, and how large where DuckDB writes its rows.
type tableSize struct {
	table        string
	ours, theirs int64
}

// parseSizes reads what oracle sizes writes.
func parseSizes(text string) ([]tableSize, error) {
	var sizes []tableSize
	for line := range strings.Lines(text) {
		f := strings.Fields(line) // table, files, rows, bytes, DuckDB's bytes, ratio
		if len(f) == 0 || f[0] == "table" {
			continue
		}
		if len(f) != 6 {
			return nil, fmt.Errorf("sizes: %q", line)
		}
		ours, err1 := strconv.ParseInt(f[3], 10, 64)
		theirs, err2 := strconv.ParseInt(f[4], 10, 64)
		if err1 != nil || err2 != nil || theirs == 0 {
			return nil, fmt.Errorf("sizes: %q", line)
		}
		sizes = append(sizes, tableSize{f[0], ours, theirs})
	}
	return sizes, nil
}
