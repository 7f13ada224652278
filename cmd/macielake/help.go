package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/text"
)

// Groups of commands, in the order in which help lists them.
const (
	groupConvert = "convert"
	groupAsk     = "ask"
	groupKeep    = "keep"
	groupSetUp   = "set up"
)

func groups() []*cobra.Group {
	return []*cobra.Group{
		{ID: groupConvert, Title: "Convert"},
		{ID: groupAsk, Title: "Ask"},
		{ID: groupKeep, Title: "Keep"},
		{ID: groupSetUp, Title: "Set up"},
	}
}

// Columns that help has where it goes to no terminal, and at most.
const (
	helpColumns    = 80
	maxHelpColumns = 100
)

// sharedFlags are flags that many commands have: help lists them apart.
var sharedFlags = map[string]bool{
	"profile": true, "region": true, "endpoint-url": true, "path-style": true, "request-payer": true,
	"fetch-concurrency": true, "expected-bucket-owner": true, "sse": true, "sse-kms-key-id": true, "storage-class": true,
}

// writeHelp writes the help of a command, wrapped to so many columns.
func writeHelp(w io.Writer, cmd *cobra.Command, columns int) error {
	var out strings.Builder
	section := func(title string) { fmt.Fprintf(&out, "\n%s:\n", title) }
	long := cmd.Long
	if long == "" {
		long = cmd.Short + "."
	}
	out.WriteString(wrap(long, columns))
	section("Usage")
	use := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		use = cmd.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(&out, "  %s\n", strings.TrimSuffix(use, " [flags]"))
	if cmd.Example != "" {
		section("Examples")
		fmt.Fprintf(&out, "%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		listCommands(&out, cmd, columns)
	}
	var own, shared []*pflag.Flag
	cmd.InitDefaultHelpFlag()
	aws := cmd.Flags().Lookup("endpoint-url") != nil // gen has another --profile
	each := func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case aws && sharedFlags[f.Name]:
			shared = append(shared, f)
		default:
			own = append(own, f)
		}
	}
	cmd.NonInheritedFlags().VisitAll(each)
	cmd.InheritedFlags().VisitAll(each)
	listFlags(&out, "Flags", own, columns)
	listFlags(&out, "Flags for S3 and AWS", shared, columns)
	if exits := exitHelp(cmd); exits != "" {
		section("Exit codes")
		out.WriteString(exits)
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&out, "\n%s", wrap(fmt.Sprintf("'%s COMMAND --help' says more about a command.", cmd.CommandPath()), columns))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func listCommands(out *strings.Builder, parent *cobra.Command, columns int) {
	list := func(title, id string) {
		first := true
		for _, cmd := range parent.Commands() {
			if !cmd.IsAvailableCommand() && cmd.Name() != "help" || cmd.GroupID != id {
				continue
			}
			if first {
				fmt.Fprintf(out, "\n%s:\n", title)
				first = false
			}
			helpLine(out, cmd.Name(), cmd.Short, 14, columns)
		}
	}
	for _, g := range parent.Groups() {
		list(g.Title, g.ID)
	}
	list("Commands", "")
}

func listFlags(out *strings.Builder, title string, flags []*pflag.Flag, columns int) {
	if len(flags) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s:\n", title)
	for _, f := range flags {
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		kind, usage := pflag.UnquoteUsage(f)
		switch {
		case kind == "int" || kind == "uint":
			kind = "N"
		case !strings.Contains(kind, "|"): // choices
			kind = strings.ToUpper(kind)
		}
		if kind != "" {
			name += " " + kind
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "-1" {
			usage += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		helpLine(out, name, usage, 30, columns)
	}
}

// helpLine writes a name and, from a column on, what it is, in lines of at most
// so many columns.
func helpLine(out *strings.Builder, name, doc string, indent, columns int) {
	line := "  " + name + strings.Repeat(" ", max(1, indent-2-len(name)))
	if len(line) > indent {
		out.WriteString(strings.TrimRight(line, " ") + "\n")
		line = strings.Repeat(" ", indent)
	}
	empty := true
	for word := range strings.FieldsSeq(doc) {
		if !empty && text.Width(line)+text.Width(word) > columns {
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", indent)
		}
		line += word + " "
		empty = false
	}
	out.WriteString(strings.TrimRight(line, " ") + "\n")
}

// wrap fills the paragraphs of a text to at most so many columns. Lines that
// begin with white space stay as they are.
func wrap(s string, columns int) string {
	var out strings.Builder
	var line string
	end := func() {
		if line != "" {
			out.WriteString(line + "\n")
			line = ""
		}
	}
	for l := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		if l == "" || l[0] == ' ' {
			end()
			out.WriteString(l + "\n")
			continue
		}
		for word := range strings.FieldsSeq(l) {
			if line != "" && text.Width(line)+1+text.Width(word) > columns {
				end()
			}
			if line != "" {
				line += " "
			}
			line += word
		}
	}
	end()
	return out.String()
}
