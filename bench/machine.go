package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine is what a reader has to know of the computer: nothing that names it.
type machine struct {
	cpu    string
	memory string
	load   string // average of the last minute before the run
	cpus   []int  // that this process may use
}

func thisMachine() machine {
	m := machine{cpu: procField("/proc/cpuinfo", "model name"), memory: procField("/proc/meminfo", "MemTotal")}
	if kib, err := strconv.ParseInt(strings.TrimSuffix(m.memory, " kB"), 10, 64); err == nil {
		m.memory = fmt.Sprintf("%.0f GiB", float64(kib)/(1<<20))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.load, _, _ = strings.Cut(string(load), " ")
	}
	m.cpus = cpuList(procField("/proc/self/status", "Cpus_allowed_list"))
	return m
}

func (m *machine) String() string {
	return fmt.Sprintf("%s, %d cores in use of %d, %s of memory, %s/%s, %s; load average before the run %s",
		m.cpu, min(len(m.cpus), 2), len(m.cpus), m.memory, runtime.GOOS, runtime.GOARCH, runtime.Version(), m.load)
}

// procField returns the first value of a name in a file of "name: value" lines;
// empty if there is none.
func procField(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// cpuList returns the numbers of a list such as 0-2,5.
func cpuList(list string) []int {
	var cpus []int
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil {
			return nil
		}
		for c := from; c <= to; c++ {
			cpus = append(cpus, c)
		}
	}
	return cpus
}
