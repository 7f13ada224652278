package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// checkFailure checks that a command that failed printed a document without an
// answer, which says why.
func checkFailure(t *testing.T, stdout []byte, code int) {
	t.Helper()
	var d struct {
		documentHead
		documentTail
	}
	if err := decodeWhole(stdout, &d); err != nil {
		t.Errorf("%v: %s", err, stdout)
	}
	if d.ExitCode != code || d.Error == "" {
		t.Errorf("standard output: %s", stdout)
	}
}

// jsonPage is the page that describes documents and exit codes.
func jsonPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// documentSchema is the schema of the document in docs/json.md.
func documentSchema(t *testing.T) map[string]any {
	t.Helper()
	_, rest, ok := strings.Cut(jsonPage(t), "```json\n{\n  \"$schema\"")
	text, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatal("docs/json.md has no schema")
	}
	var schema map[string]any
	if err := json.Unmarshal([]byte("{\"$schema\""+text), &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

// violations lists where a value doesn't follow a JSON Schema, of which it knows
// the keywords that docs/json.md uses, and refuses others.
func violations(at string, schema map[string]any, value any) (found []string) {
	fail := func(format string, args ...any) { found = append(found, at+": "+fmt.Sprintf(format, args...)) }
	for keyword, want := range schema {
		switch keyword {
		case "$schema":
		case "type":
			types, ok := want.([]any)
			if !ok {
				types = []any{want}
			}
			if !slices.Contains(types, any(typeOf(value))) {
				fail("it is of type %s, not %v", typeOf(value), types)
			}
		case "enum":
			if !slices.Contains(want.([]any), value) {
				fail("%v is none of %v", value, want)
			}
		case "pattern":
			if s, ok := value.(string); ok && !regexp.MustCompile(want.(string)).MatchString(s) {
				fail("%q doesn't match %s", s, want)
			}
		case "minLength":
			if s, ok := value.(string); ok && float64(len(s)) < want.(float64) {
				fail("%q is too short", s)
			}
		case "minItems":
			if a, ok := value.([]any); ok && float64(len(a)) < want.(float64) {
				fail("it has %d items", len(a))
			}
		case "items":
			if a, ok := value.([]any); ok {
				for i, item := range a {
					found = append(found, violations(fmt.Sprintf("%s[%d]", at, i), want.(map[string]any), item)...)
				}
			}
		case "required":
			for _, name := range want.([]any) {
				if _, ok := value.(map[string]any)[name.(string)]; !ok {
					fail("%s is missing", name)
				}
			}
		case "dependentRequired":
			object := value.(map[string]any)
			for name, needs := range want.(map[string]any) {
				for _, needed := range needs.([]any) {
					if object[name] != nil && object[needed.(string)] == nil {
						fail("%s without %s", name, needed)
					}
				}
			}
		case "properties":
			properties := want.(map[string]any)
			for name, member := range value.(map[string]any) {
				switch property, known := properties[name]; {
				case known:
					found = append(found, violations(at+"."+name, property.(map[string]any), member)...)
				case schema["additionalProperties"] == false:
					fail("%s isn't described", name)
				}
			}
		case "additionalProperties": // with properties
		default:
			fail("the schema's keyword %s isn't known here", keyword)
		}
	}
	return found
}

// typeOf is the JSON Schema type of a decoded value.
func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if v == float64(int64(v)) {
			return "integer"
		}
		return "number"
	}
	return "object"
}

// Every command prints one document that follows the schema, and says in it how it
// ended, whether it succeeds or not.
func TestDocuments(t *testing.T) {
	schema := documentSchema(t)
	dir := t.TempDir()
	in, lake := filepath.Join(dir, "in"), filepath.Join(dir, "lake")
	bad := filepath.Join(dir, "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{nope\n"+`{"id":"x\u001b[2J"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, test := range []struct {
		code   int
		answer string // type of the answer; empty for none
		args   []string
	}{
		{0, "object", []string{"gen", in, "--size", "100kB", "--profile", "repeated"}},
		{0, "object", []string{"convert", in, "--out", lake, "-q"}},
		{0, "object", []string{"convert", in, "--out", lake, "-q", "--dry-run"}},
		{3, "object", []string{"convert", bad, "--out", lake, "-q"}},
		{0, "object", []string{"plan", in, "--out", lake}},
		{0, "object", []string{"work", lake}},
		{0, "object", []string{"commit", lake, "-q"}},
		{5, "", []string{"commit", lake, "--run", "99"}},
		{2, "", []string{"convert", lake, "--out", filepath.Join(dir, "x")}},
		{2, "", []string{"convert", in, "--ouput", lake}},
		{5, "", []string{"convert", filepath.Join(dir, "nowhere"), "--out", lake}},
		{0, "object", []string{"status", lake}},
		{5, "", []string{"status", in}},
		{2, "", []string{"status"}},
		{0, "object", []string{"verify", lake}},
		{0, "array", []string{"rejects", lake}},
		{0, "array", []string{"rejects", lake, "--class", "none"}},
		{0, "object", []string{"gc", lake}},
		{0, "object", []string{"runs", lake}},
		{0, "object", []string{"repair", lake}},
		{0, "object", []string{"drop", lake}},
		{5, "object", []string{"status", lake, "--max-age", "1ns"}},
		{0, "object", []string{"rejects", lake, "--acknowledge", "--reason", "known"}},
		{5, "", []string{"rejects", lake, "--acknowledge", "--reason", "x", "--class", "none"}},
		{5, "", []string{"abandon", lake, "000099"}},
		{-1, "object", []string{"summarize", in}},
		{-1, "object", []string{"summarize", lake}},
		{-1, "array", []string{"summarize", in, "--by", "type"}},
		{-1, "array", []string{"summarize", in, "--preset", "list"}},
		{-1, "array", []string{"summarize", in, "--preset", "custom-locations"}},
		{2, "", []string{"summarize", in, "--where", "nosuch=1"}},
		{-1, "array", []string{"cat", in, "--table", "results"}},
		{-1, "array", []string{"cat", in, "--table", "results", "--where", "count<0"}},
		{3, "array", []string{"cat", bad, "--table", "results"}},
		{2, "", []string{"cat", in, "--table", "results", "--output", "csv"}},
		{5, "object", []string{"locate", in, "s3://none/none"}},
		{0, "object", []string{"diff", lake, "--since", "0"}},
		{2, "", []string{"diff", lake}},
		{0, "object", []string{"report", lake}},
		{-1, "array", []string{"queries", lake}},
		{-1, "object", []string{"queries", lake, "exposure"}},
		{5, "", []string{"queries", lake, "nosuch"}},
		{0, "array", []string{"ddl", lake, "--location", "s3://lake/macie"}},
		{0, "object", []string{"doctor", in}},
		{1, "", []string{"register", lake, "--location", "s3://lake/macie", "--endpoint-url", "http://127.0.0.1:1", "--region", "eu-west-1"}},
		{0, "object", []string{"version"}},
		{0, "object", []string{"--version"}},
		{0, "array", []string{"man", filepath.Join(dir, "pages")}},
		{2, "", []string{"nosuch"}},
	} {
		name := strings.ReplaceAll(strings.Join(test.args, " "), dir, "")
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
		t.Setenv("AWS_MAX_ATTEMPTS", "1")
		var stdout, stderr bytes.Buffer
		code := run(append(slices.Clone(test.args), "--json"), strings.NewReader(""), &stdout, &stderr)
		// -1: done, with whatever the earlier commands left to report.
		if code != test.code && (test.code != -1 || code != exitOK && code != exitRejects && code != exitUnreadable) {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, test.code, &stderr)
		}
		var document map[string]any
		if err := decodeWhole(stdout.Bytes(), &document); err != nil {
			t.Errorf("%s: %v in %s", name, err, &stdout)
			continue
		}
		for _, violation := range violations("document", schema, document) {
			t.Errorf("%s: %s", name, violation)
		}
		if bytes.ContainsFunc(stdout.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' }) {
			t.Errorf("%s: control characters", name)
		}
		answer, has := document["answer"]
		if has != (test.answer != "") || has && typeOf(answer) != test.answer {
			t.Errorf("%s: the answer is a %s, want %q", name, typeOf(answer), test.answer)
		}
		if document["exit_code"] != float64(code) {
			t.Errorf("%s: exit_code %v in the document, but %d", name, document["exit_code"], code)
		}
		message, _, _ := strings.Cut(strings.TrimPrefix(stderr.String(), "macielake: "), "\n")
		if text, failed := document["error"]; failed && text != message {
			t.Errorf("%s: error %q in the document, but %q", name, text, message)
		}
		seen[document["command"].(string)] = true
	}
	for _, cmd := range newRoot(&session{}).Commands() {
		if name := cmd.Name(); !seen[name] && name != "help" && name != "completion" {
			t.Errorf("no document of %s was looked at", name)
		}
		if !strings.Contains(jsonPage(t), "| `"+cmd.Name()+"` |") && cmd.Name() != "help" && cmd.Name() != "completion" {
			t.Errorf("docs/json.md doesn't say what %s answers", cmd.Name())
		}
	}
}

// The table of exit codes in docs/json.md is that of the program, and each
// command's help has its own.
func TestExitCodes(t *testing.T) {
	var table strings.Builder
	for _, e := range exitCodes {
		fmt.Fprintf(&table, "| %d | %s |\n", e.code, e.meaning)
	}
	if !strings.Contains(jsonPage(t), "| code | meaning |\n|---|---|\n"+table.String()+"\n") {
		t.Errorf("docs/json.md hasn't the table\n%s", table.String())
	}
	for _, cmd := range newRoot(&session{}).Commands() {
		if name := cmd.Name(); exitHelp(cmd) == "" && name != "help" && name != "completion" {
			t.Errorf("the help of %s has no exit codes", name)
		}
	}
}

// Rows become the elements of an array, however they are cut into writes.
func TestArrayWriter(t *testing.T) {
	const rows = "{\"a\":1}\n{\"b\":\"x\"}\n[]\n"
	for size := 1; size <= len(rows); size++ {
		var out bytes.Buffer
		a := &arrayWriter{w: &out, start: []byte("[")}
		for rest := rows + "{\"cut"; rest != ""; {
			n := min(size, len(rest))
			if k, err := a.Write([]byte(rest[:n])); k != n || err != nil {
				t.Fatal(k, err)
			}
			rest = rest[n:]
		}
		if err := a.end([]byte("\n")); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), "[\n{\"a\":1},\n{\"b\":\"x\"},\n[]]\n"; got != want {
			t.Errorf("in writes of %d bytes: %q, want %q", size, got, want)
		}
	}
	var out bytes.Buffer
	if err := (&arrayWriter{w: &out, start: []byte("[")}).end([]byte("}")); err != nil || out.String() != "[]}" {
		t.Errorf("no rows: %q, %v", &out, err)
	}
}
