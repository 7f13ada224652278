package render

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// Summary writes what a converter did, or would do, for people.
func Summary(w io.Writer, s *convert.Summary) error {
	var out lines
	line := out.add
	sources := []string{text.Count(s.Sources.New) + " new", text.Count(s.Sources.AlreadyConverted) + " already converted",
		text.Count(s.Sources.Changed) + " changed"}
	for _, x := range []struct {
		n    int64
		what string
	}{{s.Sources.Retried, "to try again"}, {s.Sources.AcceptedChanged, "changed and accepted"}, {s.Sources.InWork, "left to another converter"}} {
		if x.n > 0 {
			sources = append(sources, text.Count(x.n)+" "+x.what)
		}
	}
	line("sources", "%s", strings.Join(sources, ", "))
	for _, uri := range s.Changed {
		line("changed", "%s: not converted, because another version of it is; --accept-changed records that", text.Short(uri))
	}
	if more := s.Sources.Changed - int64(len(s.Changed)); more > 0 {
		line("changed", "and %s more", text.Count(more))
	}
	if s.Sources.Copies > 0 {
		line("copies", "%s already converted from %s; --allow-copies converts them again", text.Count(s.Sources.Copies), strings.Join(s.CopiesOf, ", "))
	}
	for _, uri := range s.SameBytes {
		line("copy", "%s has the same bytes as another source in the dataset", text.Short(uri))
	}
	for _, busy := range s.Busy {
		line("busy", "another converter is at work on run %s", busy)
	}
	if s.DryRun != nil {
		forecastLines(s.DryRun, line)
		line("output", "%s", s.Output)
		return out.flush(w)
	}
	if len(s.Runs) == 0 {
		line("runs", "none, nothing is new")
		line("output", "%s", s.Output)
		return out.flush(w)
	}
	ranLines(s, line)
	line("time", "%.2f s, %s read/s", s.Seconds, text.Bytes(int64(float64(s.Bytes.Stored)/max(s.Seconds, 1e-9))))
	line("output", "%s", s.Output)
	return out.flush(w)
}

// Committed writes what a commit did, for people.
func Committed(w io.Writer, s *convert.Summary) error {
	var out lines
	if len(s.Runs) == 0 {
		out.add("runs", "none, no run is open")
		return out.flush(w)
	}
	ranLines(s, out.add)
	out.add("output", "%s", s.Output)
	return out.flush(w)
}

// ranLines writes what came of the runs.
func ranLines(s *convert.Summary, line func(name, format string, args ...any)) {
	line("runs", "%s", runsText(s.Runs))
	line("read", "%s converted, %s rejected, %s unreadable, %s skipped",
		text.Count(s.Sources.Converted), text.Count(s.Sources.Rejected), text.Count(s.Sources.Unreadable), text.Count(s.Sources.Skipped))
	line("lines", "%s = %s records + %s rejects + %s blank",
		text.Count(s.Lines), text.Count(s.Records), text.Count(s.Rejects.Lines), text.Count(s.Blank))
	if s.Filtered > 0 {
		line("filtered", "%s left out", text.Plural(s.Filtered, "record"))
	}
	for _, t := range schema.Tables() {
		n, ok := s.Rows[t.Name]
		if !ok {
			continue
		}
		if kinds := kindsText(s); t.Row == schema.OccurrenceLevel && kinds != "" {
			line(t.Name, "%s (%s)", text.Plural(n, "row"), kinds)
		} else {
			line(t.Name, "%s", text.Plural(n, "row"))
		}
	}
	if len(s.Rejects.ByClass) > 0 {
		var classes []string
		for _, class := range slices.Sorted(maps.Keys(s.Rejects.ByClass)) {
			classes = append(classes, fmt.Sprintf("%s %s", text.Count(s.Rejects.ByClass[class]), class))
		}
		line("rejects", "%s", strings.Join(classes, ", "))
	}
	for _, u := range s.Unreadable {
		line("unreadable", "%s: %s", text.Short(u.URI), text.Short(u.Error))
	}
	if s.Sources.AcceptedUnreadable > 0 {
		line("unreadable", "%s accepted by --accept-unreadable", text.Count(s.Sources.AcceptedUnreadable))
	}
	if more := s.Sources.Unreadable - s.Sources.AcceptedUnreadable - int64(len(s.Unreadable)); more > 0 {
		line("unreadable", "and %s more", text.Count(more))
	}
	for _, name := range slices.Sorted(maps.Keys(s.UnknownFields)) {
		line("unknown", "%s × %s, kept in unrecognized", text.Count(s.UnknownFields[name]), text.Short(name))
	}
	line("bytes", "%s read, %s inflated, %s written in %s",
		text.Bytes(s.Bytes.Stored), text.Bytes(s.Bytes.Inflated), text.Bytes(s.Bytes.Written), text.Plural(s.Files, "file"))
}

// kindsText lists the occurrences by kind.
func kindsText(s *convert.Summary) string {
	var kinds []string
	for k := range schema.NumKinds {
		if n := s.OccurrencesByKind[k.String()]; n > 0 {
			kinds = append(kinds, text.Count(n)+" "+k.String())
		}
	}
	return strings.Join(kinds, ", ")
}

// runsText names runs: all, or the first and the last.
func runsText(runs []string) string {
	if len(runs) <= 4 {
		return strings.Join(runs, ", ")
	}
	return fmt.Sprintf("%s to %s, %d of them", runs[0], runs[len(runs)-1], len(runs))
}

// forecastLines writes what a converter would do.
func forecastLines(f *convert.Forecast, line func(name, format string, args ...any)) {
	if len(f.OpenRuns) > 0 {
		line("open runs", "%s would be finished first", runsText(f.OpenRuns))
	}
	line("would read", "%s, %s", text.Plural(f.Sources, "source"), text.Bytes(f.Bytes))
	line("would claim", "%s in %s", text.Plural(f.Runs, "run"), text.Plural(f.Parts, "part"))
	if r := f.Requests; r != nil {
		line("requests", "about %s GET, %s PUT, COPY and LIST: $%.2f", text.Count(r.Get), text.Count(r.Put), r.Dollars())
	}
}

// Stats writes how long the workers took for each stage, for how much of that
// a core worked, and how long they waited.
func Stats(w io.Writer, s *run.Stats) error {
	var b strings.Builder
	line := func(name, all, share, cpu, wait, what string) {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%-12s %9s %5s %9s %9s  %s", name, all, share, cpu, wait, what), " "))
	}
	seconds := func(v float64) string { return fmt.Sprintf("%.3f", v) }
	cpu := s.CPU
	if cpu == nil {
		cpu = new(run.CPUStats)
	}
	workers := s.Fetch + s.Inflate + s.Decode + s.Encode + s.Write + s.Idle
	line("seconds", "all", "", "CPU", "wait", "")
	for _, stage := range []struct {
		name     string
		all, cpu float64
		what     string
	}{
		{"fetch", s.Fetch, cpu.Fetch, "for stored bytes"},
		{"inflate", s.Inflate, cpu.Inflate, ""},
		{"decode", s.Decode, cpu.Decode, ""},
		{"encode", s.Encode, cpu.Encode, ""},
		{"write", s.Write, cpu.Write, "handing files to the system"},
	} {
		worked, waited := "?", "?"
		if s.CPU != nil {
			worked, waited = seconds(stage.cpu), seconds(max(0, stage.all-stage.cpu))
		}
		share := fmt.Sprintf("%.0f%%", 100*stage.all/max(workers, 1e-9))
		line(stage.name, seconds(stage.all), share, worked, waited, stage.what)
	}
	line("idle", seconds(s.Idle), fmt.Sprintf("%.0f%%", 100*s.Idle/max(workers, 1e-9)), "", seconds(s.Idle), "workers without work")
	if s.CPU != nil {
		line("behind", "", "", seconds(cpu.Behind), "", "prefetching, making files durable, Go's runtime")
	}
	line("sync", "", "", "", seconds(s.Sync), "until files are durable, behind the work")
	fmt.Fprintf(&b, "%-12s %s batches, %s stolen, %s restarted\n", "work",
		text.Count(s.Batches), text.Plural(s.Stolen, "task"), text.Plural(s.Restarts, "part"))
	_, err := io.WriteString(w, b.String())
	return err
}
