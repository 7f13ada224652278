package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	steps "github.com/macielake/macielake/internal/run"
)

// usage is what a command took.
type usage struct {
	wall time.Duration
	cpu  time.Duration // user and system, of all its processes
	peak int64         // bytes resident at most, of its largest process
}

// sample is one timed run of a side. With several commands, wall is their mean,
// cpu their sum and peak the largest of them.
type sample struct {
	usage
	stats *steps.Stats // of a single process of macielake, else nil
}

// runner runs sides in the top folder of the repository.
type runner struct {
	o       *options
	log     io.Writer
	machine machine
	bin     string // programs built here
	data    string // inputs
	out     string // of the side that runs
}

func newRunner(o *options, log io.Writer) (*runner, error) {
	if _, err := os.Stat(filepath.Join("bench", "peers")); err != nil {
		return nil, errors.New("run in the top folder of the repository")
	}
	base, err := filepath.Abs(filepath.Join("build", "bench"))
	if err != nil {
		return nil, err
	}
	r := &runner{o: o, log: log, machine: thisMachine(),
		bin: filepath.Join(base, "bin"), data: filepath.Join(base, "full"), out: filepath.Join(base, "out")}
	if o.quick {
		r.data = filepath.Join(base, "quick")
	}
	if len(r.machine.cpus) < 2 {
		return nil, errors.New("two cores are needed")
	}
	if load, err := strconv.ParseFloat(r.machine.load, 64); err == nil && load > 0.5 {
		fmt.Fprintf(log, "the machine is busy (load average %s): what is measured now is worth little\n", r.machine.load)
	}
	return r, nil
}

// measure runs everything that the options ask for.
func (r *runner) measure(ctx context.Context) (*report, error) {
	rep := &report{options: r.o, machine: r.machine, versions: map[string]string{}}
	for _, p := range profiles(r.o.quick) {
		chosen, err := r.choose(p, rep)
		if err != nil {
			return nil, err
		}
		if len(chosen) == 0 {
			continue
		}
		fmt.Fprintf(r.log, "%s: preparing the input\n", p.name)
		in, err := p.prepare(ctx, filepath.Join(r.bin, "macielake"), filepath.Join(r.data, p.name))
		if err != nil {
			return nil, err
		}
		m := &measured{input: in, samples: map[string][]sample{}}
		rep.measured = append(rep.measured, m)
		if err := r.check(ctx, in, chosen, rep); err != nil {
			return nil, err
		}
		for round := range r.o.rounds {
			fmt.Fprintf(r.log, "%s: round %d of %d:", p.name, round+1, r.o.rounds)
			for _, s := range chosen {
				one, err := r.timed(ctx, in, s)
				if err != nil {
					return nil, err
				}
				m.samples[s.id] = append(m.samples[s.id], one)
				fmt.Fprintf(r.log, " %s %.2fs", s.id, one.wall.Seconds())
			}
			fmt.Fprintln(r.log)
			slices.Reverse(chosen) // no side always runs after the same one
		}
	}
	rep.floor = ownPeak()
	if len(r.o.profiles) == 0 && len(r.o.only) == 0 {
		fmt.Fprintln(r.log, "allocations of the decoder")
		allocs, err := decodeAllocs(ctx)
		if err != nil {
			return nil, err
		}
		rep.allocs = &allocs
	}
	rep.bars = rep.judge()
	return rep, nil
}

// wants reports whether the side was asked for.
func (o *options) wants(s *side) bool { return len(o.only) == 0 || slices.Contains(o.only, s.id) }

// choose returns the sides that run on a profile and can.
func (r *runner) choose(p *profile, rep *report) ([]*side, error) {
	if len(r.o.profiles) > 0 && !slices.Contains(r.o.profiles, p.name) {
		return nil, nil
	}
	var chosen []*side
	for _, s := range sides() {
		if !slices.Contains(p.sides, s.id) || !r.o.wants(s) {
			continue
		}
		if s.program != "" && !r.installed(s.program) {
			rep.absent(s.program)
			continue
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// installed reports whether the sides' commands find a program.
func (r *runner) installed(program string) bool {
	_, err := exec.LookPath(filepath.Join(r.bin, program))
	if err != nil {
		_, err = exec.LookPath(program)
	}
	return err == nil
}

// check runs each side once and compares what it produced with what is in the
// input. It also notes the sides' versions and the sizes of our tables.
func (r *runner) check(ctx context.Context, in *input, chosen []*side, rep *report) error {
	for _, s := range chosen {
		fmt.Fprintf(r.log, "%s: checking %s\n", in.name, s.id)
		if err := r.first(ctx, in, s, rep); err != nil {
			return fmt.Errorf("%s on %s: %w", s.name, in.name, err)
		}
	}
	return nil
}

func (r *runner) first(ctx context.Context, in *input, s *side, rep *report) error {
	if _, ok := rep.versions[s.id]; !ok {
		version, _, err := command(ctx, r.machine.cpus, r.env(in), s.version)
		if err != nil {
			return err
		}
		rep.versions[s.id] = strings.TrimSpace(string(version))
	}
	_, stdout, err := r.run(ctx, in, s)
	if err != nil {
		return err
	}
	if s.count != "" {
		text, _, err := command(ctx, r.machine.cpus[:2], r.env(in), s.count)
		if err != nil {
			return err
		}
		stdout = [][]byte{text}
	}
	if err := s.check(&in.expected, stdout); err != nil {
		return err
	}
	if s.id == macielake2 && in.name == "mixed" {
		text, _, err := command(ctx, r.machine.cpus, r.env(in), `oracle sizes --dataset "$OUT"`)
		if err != nil {
			return err
		}
		if rep.sizes, err = parseSizes(string(text)); err != nil {
			return err
		}
	}
	return nil
}

// timed times a side. One that says what it produced is checked each time.
func (r *runner) timed(ctx context.Context, in *input, s *side) (sample, error) {
	one, stdout, err := r.run(ctx, in, s)
	if err == nil && s.count == "" {
		err = s.check(&in.expected, stdout)
	}
	if err != nil {
		return one, fmt.Errorf("%s on %s: %w", s.name, in.name, err)
	}
	if s.stats {
		_, summary, err := summaries(stdout)
		if err != nil {
			return one, err
		}
		one.stats = &summary.Stats
	}
	return one, nil
}

// run runs a side's commands in an empty output directory.
func (r *runner) run(ctx context.Context, in *input, s *side) (sample, [][]byte, error) {
	if err := os.RemoveAll(r.out); err != nil {
		return sample{}, nil, err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return sample{}, nil, err
	}
	settle()
	n := len(s.commands)
	usages, stdout, errs := make([]usage, n), make([][]byte, n), make([]error, n)
	var all sync.WaitGroup
	for i, line := range s.commands {
		cpus := r.machine.cpus[:s.cores]
		if n > 1 {
			cpus = r.machine.cpus[i : i+1]
		}
		all.Go(func() { stdout[i], usages[i], errs[i] = command(ctx, cpus, r.env(in), line) })
	}
	all.Wait()
	var one sample
	for _, u := range usages {
		one.wall += u.wall / time.Duration(n)
		one.cpu += u.cpu
		one.peak = max(one.peak, u.peak)
	}
	return one, stdout, errors.Join(errs...)
}

func (r *runner) env(in *input) []string {
	return []string{"DIR=" + in.dir, "OUT=" + r.out,
		"PATH=" + r.bin + string(os.PathListSeparator) + os.Getenv("PATH")}
}
