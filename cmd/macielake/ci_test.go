package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The nightly job of docs/ci.md does as it is written there what the page says.
func TestNightlyJob(t *testing.T) {
	for _, tool := range []string{"jq", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("left out: there is no %s", tool)
		}
	}
	page, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		if block[1] == "sh" {
			script += block[2]
		}
	}
	data, err := os.ReadFile("testdata/diff.txt")
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) string {
		_, rest, _ := strings.Cut(string(data), "-- "+name+" --\n")
		text, _, _ := strings.Cut(rest, "\n-- ")
		return text + "\n"
	}
	var mu sync.Mutex
	messages := map[string]string{}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var m struct{ Owner, Text string }
		if err := json.Unmarshal(body, &m); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		messages[m.Owner] += m.Text
	}))
	defer hook.Close()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	night := func() (code int) {
		t.Helper()
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "RESULTS=in", "LAKE=lake", "MARK=lake.mark", "WEBHOOK="+hook.URL)
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !asExit(err, &exit) {
			t.Fatalf("%v\n%s", err, out)
		}
		return cmd.ProcessState.ExitCode()
	}
	write("macielake.yaml", "owners:\n  - {owner: hr, key: 'c.*'}\n  - {owner: data, key: 'd.*'}\n")
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	write("in/first.jsonl", part("first.jsonl"))
	if code := night(); code != 0 {
		t.Fatalf("the first night ends with exit code %d", code)
	}
	clear(messages)
	if code := night(); code != 0 || len(messages) > 0 {
		t.Fatalf("a night without anything new ends with exit code %d and says %q", code, messages)
	}
	write("in/second.jsonl", part("second.jsonl"))
	if code := night(); code != exitGate {
		t.Errorf("credentials in a public bucket end with exit code %d", code)
	}
	if len(messages) != 3 || !strings.Contains(messages["hr"], "new AWS_CREDENTIALS in s3://hr/c.csv (public: yes)") ||
		!strings.Contains(messages["data"], "new NAME in s3://hr/d.csv") || !strings.Contains(messages["nobody"], "resolved NAME in s3://hr/a.csv") {
		t.Errorf("%q", messages)
	}
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}
