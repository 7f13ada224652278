package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command runs a shell line on the cores of cpus and returns what it wrote to
// standard output. All its processes end with it.
func command(ctx context.Context, cpus []int, env []string, line string) ([]byte, usage, error) {
	list := make([]string, len(cpus))
	for i, c := range cpus {
		list[i] = strconv.Itoa(c)
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", strings.Join(list, ","), "sh", "-c", line)
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	u := usage{wall: time.Since(start)}
	if err != nil {
		said := stderr.String()
		return nil, u, fmt.Errorf("%s: %w\n%s", line, errors.Join(ctx.Err(), err), said[max(0, len(said)-2000):])
	}
	// wait4 reports a process together with those that it waited for, and as
	// ru_maxrss the largest of their VmHWM, in KiB (getrusage(2)).
	rusage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	u.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.peak = rusage.Maxrss << 10
	return stdout.Bytes(), u, nil
}

// ownPeak is the least peak that command can report: a process counts the
// memory of the one that started it until it becomes another program.
func ownPeak() int64 {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	return own.Maxrss << 10
}

// settle has the system write what earlier runs left, so that the next doesn't
// wait for it.
func settle() { syscall.Sync() }
