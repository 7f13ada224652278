package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/gen"
)

func TestMain(m *testing.M) {
	// The test binary is also the program: scripts and tests find it in PATH.
	testscript.Main(m, map[string]func(){"macielake": main})
}

func TestScripts(t *testing.T) {
	deploy, err := filepath.Abs("../../deploy")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DEPLOY", deploy)
			env.Setenv("HOURS_AGO_80", time.Now().Add(-80*time.Hour).UTC().Format(time.RFC3339))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":      scriptExits,
			"counts":     scriptCounts,
			"tree":       scriptTree,
			"sametables": scriptSameTables,
			"field":      scriptField,
			"mode":       scriptMode,
			"mkgzip":     scriptGzip,
			"only":       scriptOnly,
			"head":       scriptHead,
			"terminal":   scriptTerminal,
			"fits":       scriptFits,
			"fakeaws":    scriptFakeAWS,
		},
	})
}

// exits CODE COMMAND...: the command ends with that exit code, and never with a
// goroutine's stack.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if stderr := ts.ReadFile("stderr"); strings.Contains(stderr, "goroutine ") {
		ts.Fatalf("a stack on standard error")
	}
}

// counts EXPECTED FILE: the summary in FILE (or stdout) has the counts of
// expected.json.
func scriptCounts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: counts EXPECTED SUMMARY")
	}
	var want gen.Expected
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &want))
	var got convert.Summary
	ts.Check(answerIn([]byte(ts.ReadFile(args[1])), &got))
	if diff := differences(&want, &got); len(diff) > 0 {
		ts.Fatalf("counts differ:\n%s", strings.Join(diff, "\n"))
	}
}

// answerIn reads the answer of the document that --json printed, all of whose
// fields v must have.
func answerIn(stdout []byte, v any) error {
	var d struct {
		documentHead
		Answer json.RawMessage `json:"answer"`
		documentTail
	}
	if err := decodeWhole(stdout, &d); err != nil {
		return err
	}
	return decodeWhole(d.Answer, v)
}

// decodeWhole decodes the only JSON value in data, all of whose fields v must have.
func decodeWhole(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

// differences lists where a summary isn't what a sample must give.
func differences(want *gen.Expected, got *convert.Summary) []string {
	var diff []string
	check := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			diff = append(diff, fmt.Sprintf("%s: %s, want %s", what, g, w))
		}
	}
	rejected := int64(len(want.Rejects.Sources))
	lines := int64(len(want.Rejects.Lines))
	check("sources converted", got.Sources.Converted, want.Sources-rejected)
	check("objects rejected", got.Sources.Rejected, rejected)
	check("sources unreadable", got.Sources.Unreadable, 0)
	check("files skipped", got.Sources.Skipped, want.SkippedFiles)
	check("lines", got.Lines, want.Lines)
	check("records", got.Records, want.Rows.Results)
	check("blank lines", got.Blank, want.BlankLines)
	check("rejected lines", got.Rejects.Lines, lines)
	check("rejected objects", got.Rejects.Sources, rejected)
	classes := map[string]int64{}
	for _, r := range want.Rejects.Lines {
		classes[r.Class]++
	}
	for _, r := range want.Rejects.Sources {
		classes[r.Class]++
	}
	check("classes", got.Rejects.ByClass, classes)
	check("rows", got.Rows, map[string]int64{
		"results": want.Rows.Results, "detections": want.Rows.Detections, "occurrences": want.Rows.Occurrences,
	})
	k := want.OccurrencesByKind
	check("occurrences by kind", got.OccurrencesByKind, map[string]int64{
		"cell": k.Cell, "line": k.Line, "offset": k.Offset, "page": k.Page, "record": k.Record,
	})
	check("unknown fields", got.UnknownFields, want.UnknownFields)
	return diff
}

// tree DIR: the names of all files below DIR, sorted, to standard output.
func scriptTree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tree DIR")
	}
	names, err := treeOf(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, name := range names {
		fmt.Fprintln(ts.Stdout(), name)
	}
}

func treeOf(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(rel))
		return err
	})
	return names, err
}

// sametables A B: the two datasets have the same table files, byte for byte.
func scriptSameTables(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sametables A B")
	}
	a, err := tableSums(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := tableSums(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(a) == 0 {
		ts.Fatalf("%s has no tables", args[0])
	}
	if same := slices.Equal(a, b); same == neg {
		ts.Fatalf("same tables: %v\n%s\n\n%s", same, strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}

// tableSums lists a dataset's table files but those of runs, with their hashes.
func tableSums(dir string) ([]string, error) {
	names, err := treeOf(dir)
	if err != nil {
		return nil, err
	}
	tables := map[string]bool{"results": true, "detections": true, "occurrences": true}
	var sums []string
	for _, name := range names {
		table, _, _ := strings.Cut(name, "/")
		if !tables[table] {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(data)
		sums = append(sums, nonces.ReplaceAllString(name, "$1")+" "+hex.EncodeToString(sum[:8]))
	}
	return sums, nil
}

// nonces is the nonce of a run in the name of a file, after the run's number.
var nonces = regexp.MustCompile(`(/\d{6})-[0-9a-f]{16}`)

// only PATTERN FILE: exactly one file matches the pattern, and FILE is a copy of
// it: names of a dataset's files have nonces.
func scriptOnly(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: only PATTERN FILE")
	}
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d files match %s", len(found), args[0])
	}
	data, err := os.ReadFile(found[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o600))
}

// field FILE PATH VALUE: the JSON value at the dotted path in FILE (or stdout)
// is VALUE, as JSON.
func scriptField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: field FILE PATH VALUE")
	}
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	dec.UseNumber()
	var v any
	ts.Check(dec.Decode(&v))
	for name := range strings.SplitSeq(args[1], ".") {
		switch parent := v.(type) {
		case map[string]any:
			v = parent[name]
		case []any:
			i, err := strconv.Atoi(name)
			ts.Check(err)
			v = parent[i]
		}
	}
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetEscapeHTML(false)
	ts.Check(enc.Encode(v))
	if s := strings.TrimSuffix(got.String(), "\n"); s != args[2] {
		ts.Fatalf("%s is %s, want %s", args[1], s, args[2])
	}
}

// mode MODE PATTERN: all that matches the glob has that mode.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode MODE PATTERN")
	}
	matches, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(matches) == 0 {
		ts.Fatalf("%s matches nothing", args[1])
	}
	for _, m := range matches {
		info, err := os.Stat(m)
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", m, got, args[0])
		}
	}
}

// mkgzip FROM TO: a gzip file.
func scriptGzip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkgzip FROM TO")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), gzipped([]byte(ts.ReadFile(args[0]))), 0o666))
}

// head BYTES FROM TO: the beginning of a file; with a negative number all but
// that many bytes.
func scriptHead(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: head BYTES FROM TO")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	data := ts.ReadFile(args[1])
	if n < 0 {
		n += len(data)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(data[:n]), 0o666))
}
