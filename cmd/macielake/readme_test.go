package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var updateReadme = flag.Bool("update", false, "write the outputs in README.md anew")

// Commands of the README that don't end with exit code 0 on a sample.
var readmeCodes = map[string]int{
	"macielake abandon lake 000007": exitNotFound, // it has no such run
}

// readmeBlock is a block of code in the README.
type readmeBlock struct {
	language string
	from, to int // its text in the page
}

var fenced = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// The README's commands run as they are written there, in their order, with a
// sample for ./AWSLogs. The output of those after a $ is the README's, as on a
// terminal of 80 columns; go test -update writes it anew. Commands for places in S3
// must parse; those with pipes are run by scripts/pipes.
func TestReadme(t *testing.T) {
	file, err := filepath.Abs("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	t.Chdir(t.TempDir())
	t.Setenv("NO_COLOR", "1")
	t.Setenv("TERM", "xterm")
	ran, checked := 0, 0
	var replaced strings.Builder
	end := 0
	for _, m := range fenced.FindAllStringSubmatchIndex(page, -1) {
		block := readmeBlock{page[m[2]:m[3]], m[4], m[5]}
		text := page[block.from:block.to]
		if block.language == "console" {
			command, _, _ := strings.Cut(strings.TrimPrefix(text, "$ "), "\n")
			output, code, err := onTerminal(80, exec.Command("sh", "-c", command))
			if err != nil || code != readmeCodes[command] {
				t.Fatalf("%s: exit code %d, %v\n%s", command, code, err, output)
			}
			got := "$ " + command + "\n" + strings.ReplaceAll(output, "\r\n", "\n")
			// Ages grow while results stay.
			age := regexp.MustCompile(`\d+ (days|hours)`)
			if age.ReplaceAllString(got, "") != age.ReplaceAllString(text, "") && !*updateReadme {
				t.Errorf("%s prints something else (go test -run TestReadme -update writes it anew):\n%s", command, got)
			}
			replaced.WriteString(page[end:block.from] + got)
			end = block.to
			checked++
			continue
		}
		if block.language != "sh" {
			continue
		}
		for line := range strings.Lines(text) {
			command := strings.TrimSpace(line)
			if i := strings.Index(command, "  #"); i >= 0 {
				command = strings.TrimSpace(command[:i])
			}
			switch {
			case !strings.HasPrefix(command, "macielake "):
				t.Errorf("%q is no command of macielake", command)
			case strings.Contains(command, " | ") || strings.Contains(command, " > "):
			case strings.Contains(command, "s3://") || strings.Contains(command, "macie://"):
				if err := parses(strings.Fields(command)[1:]); err != nil {
					t.Errorf("%s: %v", command, err)
				}
				ran++
			default:
				out, err := exec.Command("sh", "-c", command).CombinedOutput()
				code := 0
				if exit, ok := err.(*exec.ExitError); ok {
					code = exit.ExitCode()
				}
				if code != readmeCodes[command] {
					t.Errorf("%s: exit code %d: %s", command, code, out)
				}
				if strings.HasPrefix(command, "macielake gen ") {
					if err := os.Symlink(filepath.Join("sample", "AWSLogs"), "AWSLogs"); err != nil {
						t.Fatal(err)
					}
				}
				ran++
			}
		}
	}
	if ran < 15 || checked < 1 {
		t.Errorf("the README has lost its commands: %d ran, %d have outputs", ran, checked)
	}
	if *updateReadme {
		replaced.WriteString(page[end:])
		if err := os.WriteFile(file, []byte(replaced.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// parses checks a command line without running it.
func parses(args []string) error {
	cmd, rest, err := newRoot(&session{}).Find(args)
	if err != nil || !cmd.HasParent() {
		return fmt.Errorf("no command: %v", err)
	}
	if cmd.DisableFlagParsing {
		return nil
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
