package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/text"
)

// report is what a run measured.
type report struct {
	options  *options
	machine  machine
	floor    int64 // the least peak that can be measured, in bytes
	versions map[string]string
	missing  []string // programs that aren't installed
	measured []*measured
	allocs   *float64 // of the decoder, per line; nil if it wasn't measured
	sizes    []tableSize
	bars     []bar
}

// measured is what the sides took on one input.
type measured struct {
	*input
	samples map[string][]sample
}

func (r *report) absent(program string) {
	if !slices.Contains(r.missing, program) {
		r.missing = append(r.missing, program)
	}
}

// markdown returns the report for readers.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# macielake side by side\n\n%s.\n\n", r.machine.String())
	fmt.Fprintf(&b, "Made with `make bench`: %d rounds, in which all sides of an input run one after the other, "+
		"forwards and backwards in turn. Every side is pinned to the same first cores with taskset and has the input in the "+
		"page cache; outputs are removed between runs. What each side produced was compared with the generator's counts first. "+
		"Times are wall times from the start of the process to its end; for macielake they include fsync.\n", r.options.rounds)
	if !r.options.all() {
		b.WriteString("\nThis run was not of everything at its full size (`make bench` without flags is).\n")
	}
	for _, program := range r.missing {
		fmt.Fprintf(&b, "\n`%s` is not installed here: left out.\n", program)
	}
	r.writeBars(&b)
	for _, m := range r.measured {
		r.writeProfile(&b, m)
	}
	r.writeStats(&b)
	r.writeSides(&b)
	return b.String()
}

func (r *report) writeBars(b *strings.Builder) {
	if len(r.bars) == 0 {
		return
	}
	title := "Bars"
	if r.options.quick {
		title = "Bars (not judged at these sizes)"
	}
	fmt.Fprintf(b, "\n## %s\n\nRatios are of medians.\n\n| | must | goal | measured | |\n|---|---:|---:|---:|---|\n", title)
	for _, bar := range r.bars {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", bar.what, bar.limit(bar.must), bar.limit(bar.goal), bar.format(bar.value), bar.verdict())
	}
}

func (r *report) writeProfile(b *strings.Builder, m *measured) {
	e := &m.expected
	fmt.Fprintf(b, "\n## %s\n\n%s%s: %s sources, %s lines, %s inflated, %s stored, %s results, %s detections, %s occurrences.\n\n",
		m.name, strings.ToUpper(m.what[:1]), m.what[1:], text.Count(e.Sources), text.Count(e.Lines), text.Bytes(e.InflatedBytes), text.Bytes(e.CompressedBytes),
		text.Count(e.Rows.Results), text.Count(e.Rows.Detections), text.Count(e.Rows.Occurrences))
	b.WriteString("| side | cores | median | fastest | CPU | inflated MB/s | over macielake | peak memory |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, s := range sides() {
		samples := m.samples[s.id]
		if len(samples) == 0 {
			continue
		}
		wall := medianWall(samples)
		ratio := "-"
		if ours := m.samples[fmt.Sprintf("macielake-%d", s.cores)]; len(ours) > 0 {
			ratio = fmt.Sprintf("%.2f x", wall.Seconds()/medianWall(ours).Seconds())
		}
		fmt.Fprintf(b, "| %s | %d | %.2f s | %.2f s | %.2f s | %.0f | %s | %s |\n", s.name, s.cores,
			wall.Seconds(), byWall(samples)[0].wall.Seconds(), medianSample(samples).cpu.Seconds(),
			float64(e.InflatedBytes)/1e6/wall.Seconds(), ratio, r.peak(highestPeak(samples)))
	}
}

// peak is memory for readers.
func (r *report) peak(bytes int64) string {
	if bytes <= r.floor {
		return fmt.Sprintf("< %.0f MB", float64(r.floor)/1e6)
	}
	return fmt.Sprintf("%.0f MB", float64(bytes)/1e6)
}

// writeStats writes what macielake says of its own time.
func (r *report) writeStats(b *strings.Builder) {
	const head = "\n## Where the time of macielake went\n\nSeconds of all workers in the run of the median, as `convert --stats` has them. " +
		"Elsewhere is the start, listing, planning, publishing and committing, and workers that wait for those.\n\n" +
		"| input, side | fetch | inflate | decode | encode | write | idle | elsewhere | tasks stolen |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
	any := false
	for _, m := range r.measured {
		for _, s := range sides() {
			samples := m.samples[s.id]
			if len(samples) == 0 {
				continue
			}
			one := medianSample(samples)
			if one.stats == nil {
				continue
			}
			if !any {
				b.WriteString(head)
				any = true
			}
			t := one.stats
			within := t.Fetch + t.Inflate + t.Decode + t.Encode + t.Write + t.Idle
			fmt.Fprintf(b, "| %s, %s | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %s; %s batches |\n", m.name, s.name,
				t.Fetch, t.Inflate, t.Decode, t.Encode, t.Write, t.Idle, float64(s.cores)*one.wall.Seconds()-within,
				text.Count(t.Stolen), text.Count(t.Batches))
		}
	}
}

// writeSides writes what each side is: all that is needed to run it again.
func (r *report) writeSides(b *strings.Builder) {
	b.WriteString("\n## Sides\n\n`DIR` is the input, `OUT` an empty directory; the commands run in the top folder of the repository, " +
		"with what is built there in PATH.\n")
	last := ""
	for _, s := range sides() {
		version, ok := r.versions[s.id]
		if !ok {
			continue
		}
		fmt.Fprintf(b, "\n**%s**", s.name)
		if version != last {
			fmt.Fprintf(b, " (%s)", version)
			last = version
		}
		fmt.Fprintf(b, ". %s\n\n```sh\n", s.does)
		for i, line := range s.commands {
			fmt.Fprintf(b, "# %s\n%s\n", pinned(s, i), line)
		}
		b.WriteString("```\n")
	}
}

// pinned says where a side's i'th command runs.
func pinned(s *side, i int) string {
	switch {
	case s.cores == 1:
		return "on the first core"
	case len(s.commands) == 1:
		return "on both cores"
	case i == 0:
		return "on the first core, next to"
	}
	return "on the second core"
}
