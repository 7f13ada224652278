package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func newMan(s *session) *cobra.Command {
	return &cobra.Command{
		Use:         "man DIR",
		Short:       "Write man pages of all commands to a directory",
		Example:     "  macielake man /usr/local/share/man/man1",
		Annotations: exits(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return err
			}
			var names []string
			if err := writeManPages(cmd.Root(), args[0], &names); err != nil {
				return err
			}
			return s.answer(names, func(io.Writer) error { return nil })
		},
	}
}

// writeManPages writes the page of a command and those of its own commands to a
// directory, and appends the names of the files.
func writeManPages(cmd *cobra.Command, dir string, names *[]string) error {
	page, err := manPage(cmd)
	if err != nil {
		return err
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	if err := os.WriteFile(filepath.Join(dir, name), page, 0o666); err != nil {
		return err
	}
	*names = append(*names, name)
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			if err := writeManPages(child, dir, names); err != nil {
				return err
			}
		}
	}
	return nil
}

// manPage is the help of a command in the language of man(7): sections, and in
// them the lines as help has them.
func manPage(cmd *cobra.Command) ([]byte, error) {
	var help, page strings.Builder
	if err := writeHelp(&help, cmd, helpColumns-7); err != nil { // man indents by 7
		return nil, err
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&page, ".TH %s 1 \"\" \"macielake %s\"\n.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n",
		roff(strings.ToUpper(name)), roff(version()), roff(name), roff(cmd.Short))
	for line := range strings.Lines(help.String()) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutSuffix(line, ":"); ok && line[0] != ' ' && len(title) < 30 {
			fmt.Fprintf(&page, ".fi\n.SH %s\n.nf\n", roff(strings.ToUpper(title)))
			continue
		}
		page.WriteString(roff(line) + "\n")
	}
	page.WriteString(".fi\n")
	return []byte(page.String()), nil
}

// roff escapes a line for troff, which takes a dot or a quote in front for a
// request.
func roff(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		line = `\&` + line
	}
	return line
}
