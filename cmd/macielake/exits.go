package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes. 75 is EX_TEMPFAIL of sysexits.h: what schedulers try again.
const (
	exitOK         = 0
	exitFailed     = 1
	exitUsage      = 2
	exitRejects    = 3
	exitUnreadable = 4
	exitNotFound   = 5
	exitGate       = 6
	exitAgain      = 75
	exitInterrupt  = 130
	exitClosedPipe = 141
	exitTerminated = 143
)

// exitCodes says what each exit code means, for any command. docs/json.md has the
// same table.
var exitCodes = [...]struct {
	code    int
	meaning string
}{
	{exitOK, "done"},
	{exitFailed, "failed: disk full, no permission, no network, …; run the same command again to resume"},
	{exitUsage, "wrong usage, or options that differ from the dataset's"},
	{exitRejects, "done, but lines or sources were rejected and nobody has acknowledged them"},
	{exitUnreadable, "done, but sources could not be read, have changed or are left to do (wins over 3)"},
	{exitNotFound, "the input, dataset or object does not exist, or a check found a problem"},
	{exitGate, "done, but a condition of --fail-on or --strict is met (wins over 3 and 4)"},
	{exitAgain, "time ran out before everything was done; run the same command again"},
	{exitInterrupt, "interrupted; run the same command again to resume"},
	{exitClosedPipe, "the reader of standard output went away"},
	{exitTerminated, "terminated; run the same command again to resume"},
}

// exit is how a command can end.
type exit struct {
	code    int
	meaning string // in this command; empty for that of exitCodes
}

// exitsKey is the annotation that holds a command's lines of exit codes.
const exitsKey = "exits"

// exits is the annotation of a command that can end in those ways, and, as all
// can, by failure, wrong usage and signals.
func exits(own ...exit) map[string]string {
	means := map[int]string{}
	for _, e := range own {
		means[e.code] = e.meaning
	}
	var lines strings.Builder
	for _, e := range exitCodes {
		meaning, has := means[e.code]
		always := e.code <= exitUsage || e.code > exitAgain
		switch {
		case !has && !always:
			continue
		case meaning == "":
			meaning = e.meaning
		}
		helpLine(&lines, fmt.Sprint(e.code), meaning, 7, helpColumns)
	}
	return map[string]string{exitsKey: lines.String()}
}

// exitHelp is the section of a command's help on how it can end.
func exitHelp(cmd *cobra.Command) string { return cmd.Annotations[exitsKey] }

// outcome is the end of a command that did its job, though not for all of its
// input: nothing more is to be said.
type outcome struct{ code int }

func (o *outcome) Error() string { return fmt.Sprintf("exit code %d", o.code) }
