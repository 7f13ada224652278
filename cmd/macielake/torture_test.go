package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/athena/athenatest"
	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
)

// The tests here damage a dataset in every way that one file can be damaged, and
// ask every command about it. A command may answer as it did before the damage, or
// refuse and name the file. It must never answer differently and succeed.
//
// They know nothing of how a dataset is laid out, except which files are caches.

// longTorture reports whether the long form was asked for.
func longTorture() bool { return os.Getenv("MACIELAKE_TORTURE") != "" }

// isCache reports whether a file of a dataset only saves work: every command may
// answer without it.
func isCache(name string) bool {
	dir, rest, _ := strings.Cut(name, "/")
	kind, _, _ := strings.Cut(rest, "/")
	return dir == "_macielake" && (kind == "ledger" || kind == "leases" || kind == "probe.json")
}

// answer is what one command line came to.
type answer struct {
	args           []string
	code           int
	stdout, stderr string
}

// ask runs a command in this process.
func ask(args ...string) answer {
	var stdout, stderr bytes.Buffer
	code := run(args, strings.NewReader(""), &stdout, &stderr)
	return answer{args, code, steady(stdout.String()), stderr.String()}
}

func (a *answer) String() string {
	return fmt.Sprintf("%s: exit code %d\n%.1500s%.1500s", strings.Join(a.args, " "), a.code, a.stdout, a.stderr)
}

// succeeded reports whether a command says that it did what it was asked to: also
// if rejects or unread sources limit the answer.
func (a *answer) succeeded() bool {
	return a.code == exitOK || a.code == exitRejects || a.code == exitUnreadable
}

// same reports whether two answers say the same.
func (a *answer) same(b *answer) bool { return a.code == b.code && a.stdout == b.stdout }

// steady takes out of a JSON document what differs between two runs of one
// command: the time, times of files, and durations.
func steady(out string) string {
	var v any
	dec := json.NewDecoder(strings.NewReader(out))
	dec.UseNumber()
	if dec.Decode(&v) != nil || dec.More() {
		return out
	}
	var clean func(v any)
	clean = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"time", "seconds", "mb_per_second", "stats", "age", "age_seconds", "now", "modified"} {
				delete(v, key)
			}
			for _, x := range v {
				clean(x)
			}
		case []any:
			for _, x := range v {
				clean(x)
			}
		}
	}
	clean(v)
	line, err := json.Marshal(v)
	if err != nil {
		return out
	}
	return string(line)
}

// tree is the content of a directory's files by their relative names.
type tree map[string][]byte

func readTree(t *testing.T, dir string) tree {
	t.Helper()
	return filesOf(t, dir)
}

// has reports whether there is a file whose name begins so.
func (tr tree) has(prefix string) bool {
	for name := range tr {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// write makes the directory hold the tree and nothing else. All files are two days
// old, so that none is too young to be garbage.
func (tr tree) write(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for name, data := range tr {
		if err := tr.writeFile(dir, name, data); err != nil {
			t.Fatal(err)
		}
	}
}

func (tr tree) writeFile(dir, name string, data []byte) error {
	file := filepath.Join(dir, filepath.FromSlash(name))
	mode := os.FileMode(0o777)
	if strings.HasPrefix(name, "_macielake/") {
		mode = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(file), mode); err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	old := time.Now().Add(-48 * time.Hour)
	return os.Chtimes(file, old, old)
}

// damage is one thing that happens to a dataset.
type damage struct {
	what  string
	names []string // of the files it changes
	do    func(tr tree)
}

func (d *damage) String() string { return d.what + " " + d.names[0] }

// harmless reports whether only caches are damaged.
func (d *damage) harmless() bool {
	return !slices.ContainsFunc(d.names, func(name string) bool { return !isCache(name) })
}

// unread reports whether only bits of the runs table are damaged: it follows from
// the end records, and nobody reads all of its bytes.
func (d *damage) unread() bool {
	return len(d.names) == 1 && strings.HasPrefix(d.names[0], "runs/") && strings.HasPrefix(d.what, "bit ")
}

// named reports whether an answer names one of the damaged files, or a directory
// that is gone as a whole.
func (d *damage) named(a *answer) bool {
	return slices.ContainsFunc(d.names, func(name string) bool {
		said := a.stdout + a.stderr
		return strings.Contains(said, name) || len(d.names) > 1 && strings.Contains(said, path.Dir(name)) ||
			// Without any state it is a directory of other files, which is named.
			strings.HasPrefix(d.what, "deleted all of _macielake,") && strings.Contains(said, "/lake")
	})
}

// unnoticed reports whether a question may be answered differently, or verify find
// nothing, although files are gone. docs/reliability.md lists these cases; none
// changes a row.
func (d *damage) unnoticed(question string, damaged, before tree) bool {
	if !strings.HasPrefix(d.what, "deleted") {
		return false
	}
	mustNotice := []string{"verify", "gc", "repair"}
	return !slices.ContainsFunc(d.names, func(name string) bool {
		claim, _ := path.Match("_macielake/runs/??????-????????.json", name)
		switch {
		case strings.HasPrefix(name, "_macielake/looks/"), strings.HasSuffix(name, ".removed.json"), isCache(name):
			return false
		case claim:
			// The claim of an open run: who only reads knows of it by what is staged.
			return slices.Contains(mustNotice, question) || damaged.has("_macielake/staging/"+strings.TrimSuffix(path.Base(name), ".json"))
		}
		for other, data := range damaged {
			if other != name && bytes.Equal(data, before[name]) {
				return false // staged and published: one of both is enough
			}
		}
		return true
	})
}

// damages lists what can happen to each file of a tree.
func damages(tr tree, r *rand.Rand) []damage {
	var all []damage
	names := slices.Sorted(maps.Keys(tr))
	dirs := map[string][]string{}
	for _, name := range names {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			dirs[dir] = append(dirs[dir], name)
		}
		data := tr[name]
		one := func(what string, change func([]byte) []byte) {
			all = append(all, damage{what, []string{name}, func(tr tree) {
				if changed := change(bytes.Clone(data)); changed == nil {
					delete(tr, name)
				} else {
					tr[name] = changed
				}
			}})
		}
		one("deleted", func([]byte) []byte { return nil })
		one("emptied", func([]byte) []byte { return []byte{} })
		if len(data) > 1 {
			one("cut in half", func(b []byte) []byte { return b[:len(b)/2] })
			one("one byte short", func(b []byte) []byte { return b[:len(b)-1] })
		}
		one("one byte long", func(b []byte) []byte { return append(b, '}') })
		for range 4 {
			if len(data) > 0 {
				at, bit := r.IntN(len(data)), r.IntN(8)
				one(fmt.Sprintf("bit %d of byte %d flipped", bit, at), func(b []byte) []byte { b[at] ^= 1 << bit; return b })
			}
		}
		// Another file's content: of one of its kind, and of any.
		for _, like := range []func(other string) bool{
			func(other string) bool {
				return path.Ext(other) == path.Ext(name) && strings.Split(other, "/")[0] == strings.Split(name, "/")[0]
			},
			func(string) bool { return true },
		} {
			others := slices.DeleteFunc(slices.Clone(names), func(other string) bool { return !like(other) || bytes.Equal(tr[other], data) })
			if len(others) > 0 {
				other := others[r.IntN(len(others))]
				one("replaced by "+other, func([]byte) []byte { return bytes.Clone(tr[other]) })
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		gone := dirs[dir]
		if len(gone) > 1 && len(gone) < len(names) {
			all = append(all, damage{"deleted all of " + dir + ", with", gone, func(tr tree) {
				for _, name := range gone {
					delete(tr, name)
				}
			}})
		}
	}
	return all
}

// patient is a dataset that gets damaged.
type patient struct {
	t    *testing.T
	name string
	lake string // where it lies while it is damaged
	in   string
	open string // a run that has not ended; empty if all have
	aws  string // where Glue and Athena are served
	tree tree

	reads    map[string]*answer // of the undamaged dataset
	cases    int
	commands int
	refused  int
}

// resultLine is one line of a source.
func resultLine(bucket string, n int, padding string) string {
	return fmt.Sprintf(`{"schemaVersion":"1.0","id":"%s-%d","title":"%s","accountId":"111122223333","region":"eu-west-1","createdAt":"2026-%02d-01T00:00:00Z",`+
		`"resourcesAffected":{"s3Bucket":{"name":"%s"},"s3Object":{"key":"key-%d","size":10}},`+
		`"classificationDetails":{"jobId":"j1","result":{"status":{"code":"COMPLETE"},"sensitiveData":[{"category":"PERSONAL_INFORMATION","detections":[`+
		`{"type":"NAME","count":1,"occurrences":{"cells":[{"row":%d,"column":2}]}},`+
		`{"type":"ADDRESS","count":2,"occurrences":{"records":[{"recordIndex":1},{"recordIndex":2}]}}]}]}}}`+"\n", bucket, n, padding, 1+n%2, bucket, n, n)
}

// newPatients makes datasets that have been through everything a dataset goes
// through: rejects, rejects taken up, a run that was abandoned, a run that has not
// ended.
func newPatients(t *testing.T) []*patient {
	t.Helper()
	root, err := os.MkdirTemp("/dev/shm", "mt")
	if err != nil {
		root = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	server := httptest.NewServer(athenatest.New())
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	make := func(name string, build func(add func(region, file string, lines ...string), do func(codes []int, args ...string))) *patient {
		p := &patient{t: t, name: name, aws: server.URL, lake: filepath.Join(root, name, "lake"), in: filepath.Join(root, name, "in")}
		add := func(region, file string, lines ...string) {
			name := filepath.Join(p.in, "AWSLogs", "111122223333", "Macie", region, file)
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(strings.Join(lines, "")), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		do := func(codes []int, args ...string) {
			if a := ask(args...); !slices.Contains(codes, a.code) {
				t.Fatalf("building %s: %v", name, &a)
			}
		}
		build(add, do)
		p.tree = readTree(t, p.lake)
		return p
	}
	long := strings.Repeat("x", 600)
	convert := func(p string, more ...string) []string {
		return append([]string{"convert", filepath.Join(root, p, "in"), "--out", filepath.Join(root, p, "lake"), "-q", "-j", "1", "--partition-by", "region"}, more...)
	}
	ended := make("ended", func(add func(string, string, ...string), do func([]int, ...string)) {
		add("eu-west-1", "a.jsonl", resultLine("hr", 1, ""), resultLine("hr", 2, ""), "{\n", resultLine("hr", 3, long))
		add("us-east-1", "b.jsonl", resultLine("hr", 4, ""), resultLine("hr", 5, ""))
		do([]int{exitRejects}, convert("ended", "--max-line-bytes", "1000")...)
		add("us-east-1", "c.jsonl", resultLine("hr", 6, ""), resultLine("hr", 7, ""))
		do([]int{exitOK, exitRejects}, convert("ended")...)
		add("eu-west-1", "d.jsonl", resultLine("legal", 1, ""), "{\n")
		do([]int{exitFailed, exitRejects}, convert("ended", "--max-rejects", "0")...)
		do([]int{exitOK}, "abandon", filepath.Join(root, "ended", "lake"), "000003")
		do([]int{exitRejects}, convert("ended")...)
		do([]int{exitRejects}, convert("ended", "--retry-rejected")...)
	})
	open := make("open", func(add func(string, string, ...string), do func([]int, ...string)) {
		add("eu-west-1", "a.jsonl", resultLine("hr", 1, ""), resultLine("hr", 2, ""))
		add("us-east-1", "b.jsonl", resultLine("hr", 4, ""), resultLine("hr", 5, ""))
		do([]int{exitOK}, convert("open")...)
		add("eu-west-1", "c.jsonl", resultLine("hr", 6, ""), resultLine("hr", 7, ""))
		add("us-east-1", "d.jsonl", resultLine("legal", 1, ""), "{\n")
		dieAtPublication(t, filepath.Join(root, "open", "in"), filepath.Join(root, "open", "lake"), 3)
	})
	open.open = "000002"
	return []*patient{ended, open}
}

// dying is a store that dies once so many files are published.
type dying struct {
	store.Store
	left atomic.Int64
}

var errDying = errors.New("died")

func (d *dying) Publish(ctx context.Context, from, to string, want store.Content) error {
	if d.left.Add(-1) < 0 {
		return errDying
	}
	return d.Store.Publish(ctx, from, to, want)
}

// dieAtPublication converts until so many files of a run are published.
func dieAtPublication(t *testing.T, in, lake string, files int64) {
	t.Helper()
	s, err := store.OpenLocal(lake)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o, err := (&convertOptions{}).parsed("--out", lake, "--partition-by", "region")
	if err != nil {
		t.Fatal(err)
	}
	d := &dying{Store: s}
	d.left.Store(files)
	o.Inputs, o.Origins, o.Out, o.Log = []string{in}, []input.Origin{input.Local{}}, d, slog.New(slog.DiscardHandler)
	if _, err := convert.Run(t.Context(), o); !errors.Is(err, errDying) {
		t.Fatal(err)
	}
}

// convertArgs are those of the convert that the user would run next.
func (p *patient) convertArgs(more ...string) []string {
	return append([]string{"convert", p.in, "--out", p.lake, "--json", "-q", "-j", "2", "--partition-by", "region"}, more...)
}

// questions are the commands that change nothing.
func (p *patient) questions() [][]string {
	return [][]string{
		{"cat", p.lake, "--table", "results"}, {"cat", p.lake, "--table", "detections"}, {"cat", p.lake, "--table", "occurrences"},
		{"summarize", p.lake, "--output", "json"},
		{"locate", p.lake, "s3://hr/key-*", "--output", "json"},
		{"status", p.lake, "--json"},
		{"verify", p.lake, "--json"},
		{"rejects", p.lake, "--json"},
		{"gc", p.lake, "--json"},
		{"repair", p.lake, "--json"},
		{"ddl", p.lake, "--location", "s3://lake/x"},
		{"register", p.lake, "--dry-run", "--endpoint-url", p.aws, "--location", "s3://lake/y"},
		{"runs", p.lake, "--json"},
		{"diff", p.lake, "--since", "1", "--output", "json"},
	}
}

// deeds are the commands that change a dataset.
func (p *patient) deeds() [][]string {
	all := [][]string{
		p.convertArgs(),
		p.convertArgs("--retry-rejected"),
		{"gc", p.lake, "--delete", "--json"},
		{"repair", p.lake, "--write", "--json"},
	}
	if p.open != "" {
		all = append(all, []string{"abandon", p.lake, p.open})
	}
	return all
}

// rows are the rows of all tables, without those columns that say which run made
// them. An error is an answer that refuses.
func (p *patient) rows() (string, *answer) {
	var all []string
	for _, table := range []string{"results", "detections", "occurrences"} {
		a := ask("cat", p.lake, "--table", table, "--columns", "source_uri,source_line")
		if !a.succeeded() {
			return "", &a
		}
		for line := range strings.Lines(a.stdout) {
			all = append(all, table+" "+line)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ""), nil
}

func (p *patient) failf(d *damage, format string, args ...any) {
	p.t.Errorf("%s, %s: %s", p.name, d, fmt.Sprintf(format, args...))
}

// examine damages the dataset in one way, and asks every question.
func (p *patient) examine(d *damage) {
	damaged := maps.Clone(p.tree)
	d.do(damaged)
	damaged.write(p.t, p.lake)
	p.cases++
	for _, question := range p.questions() {
		a := ask(question...)
		p.commands++
		healthy := p.reads[question[0]+" "+question[len(question)-1]]
		switch {
		case question[0] == "gc" && d.harmless() && a.code == healthy.code:
			// A cache that can't be used is garbage.
		case a.same(healthy):
			if question[0] == "verify" && !d.harmless() && !d.unread() && !d.unnoticed("verify", damaged, p.tree) {
				p.failf(d, "verify finds nothing")
			}
		case a.succeeded() && d.unnoticed(question[0], damaged, p.tree) && (question[0] != "cat" || a.stdout == healthy.stdout):
		case a.succeeded():
			p.failf(d, "another answer, and no error\n%v\nwas %v", &a, healthy)
		case !d.named(&a):
			p.failf(d, "refused without the file's name\n%v", &a)
		default:
			p.refused++
		}
	}
	if after := readTree(p.t, p.lake); !maps.EqualFunc(after, damaged, bytes.Equal) {
		p.failf(d, "questions changed the dataset")
	}
}

// treat damages the dataset in one way, lets a command do its work on it, and then
// undoes the damage. Nothing may be lost, whatever the command said.
func (p *patient) treat(d *damage, deed []string, wantRows string) {
	damaged := maps.Clone(p.tree)
	d.do(damaged)
	damaged.write(p.t, p.lake)
	a := ask(deed...)
	p.commands++
	if a.succeeded() {
		rows, refusal := p.rows()
		switch {
		case refusal == nil && rows != wantRows:
			p.failf(d, "other rows after %v\n%s", &a, rowsDiff(rows, wantRows))
		case refusal != nil && !d.named(refusal):
			p.failf(d, "after %v refused without the file's name: %v", &a, refusal)
		}
	} else {
		p.refused++
		if !d.named(&a) {
			p.failf(d, "refused without the file's name\n%v", &a)
		}
	}
	// What the command wrote itself stays.
	for _, name := range d.names {
		now, err := os.ReadFile(filepath.Join(p.lake, filepath.FromSlash(name)))
		if err == nil && !bytes.Equal(now, damaged[name]) {
			continue
		}
		if err := p.tree.writeFile(p.lake, name, p.tree[name]); err != nil {
			p.t.Fatal(err)
		}
	}
	again := ask(deed...)
	if !again.succeeded() && !(deed[0] == "abandon" && a.succeeded()) {
		p.failf(d, "refused after the damage was undone\nfirst: %v\nthen: %v", &a, &again)
		return
	}
	rows, refusal := p.rows()
	if refusal != nil {
		p.failf(d, "unreadable after the damage was undone\nfirst: %v\nthen: %v", &a, refusal)
	} else if rows != wantRows {
		p.failf(d, "other rows after the damage was undone\nfirst: %v\n%s", &a, rowsDiff(rows, wantRows))
	}
	if v := ask("verify", p.lake); v.code != exitOK {
		p.failf(d, "damaged after the damage was undone\nfirst: %v\nthen: %v", &a, &v)
	}
}

// rowsDiff shows the first lines in which two sorted lists of rows differ.
func rowsDiff(got, want string) string {
	count := map[string]int{}
	for line := range strings.Lines(got) {
		count[line]++
	}
	for line := range strings.Lines(want) {
		count[line]--
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(count)) {
		if n := count[line]; n != 0 && b.Len() < 500 {
			fmt.Fprintf(&b, "%+d %s", n, line)
		}
	}
	fmt.Fprintf(&b, "%d rows, want %d\n", strings.Count(got, "\n"), strings.Count(want, "\n"))
	return b.String()
}

// Whatever happens to a file of a dataset, every command gives the right answer or
// refuses and names the file; and nothing that it does makes the damage worse.
func TestDamagedState(t *testing.T) {
	for _, p := range newPatients(t) {
		t.Run(p.name, func(t *testing.T) {
			p.t = t
			p.tree.write(t, p.lake)
			p.reads = map[string]*answer{}
			for _, question := range p.questions() {
				a := ask(question...)
				if !a.succeeded() {
					t.Fatalf("undamaged: %v", &a)
				}
				p.reads[question[0]+" "+question[len(question)-1]] = &a
			}
			var wants []string
			for _, deed := range p.deeds() {
				p.tree.write(t, p.lake)
				if a := ask(deed...); !a.succeeded() {
					t.Fatalf("undamaged: %v", &a)
				}
				rows, refusal := p.rows()
				if refusal != nil {
					t.Fatalf("undamaged: %v", refusal)
				}
				wants = append(wants, rows)
			}
			r := rand.New(rand.NewPCG(11, 11))
			start := time.Now()
			all := damages(p.tree, r)
			for i := range all {
				d := &all[i]
				if longTorture() || r.IntN(sampledDamages) == 0 {
					p.examine(d)
				}
				for j, deed := range p.deeds() {
					if longTorture() || r.IntN(sampledDamages*2) == 0 {
						p.cases++
						p.treat(d, deed, wants[j])
					}
				}
			}
			fmt.Printf("torture: %s: %d files, %d cases of damage, %d commands, %d of them refused, %.1f s\n",
				t.Name(), len(p.tree), p.cases, p.commands, p.refused, time.Since(start).Seconds())
		})
	}
}

// Copies of a dataset that were written to apart and then merged are refused by every
// command, whichever copy's files won, and nothing is changed.
func TestMergedCopiesAsked(t *testing.T) {
	p := newPatients(t)[0]
	source := func(name string) string {
		return filepath.Join(p.in, "AWSLogs", "111122223333", "Macie", "eu-west-1", name)
	}
	// copyOf is the dataset after it has converted one more source.
	copyOf := func(name string, n int) tree {
		p.tree.write(t, p.lake)
		if err := os.WriteFile(source(name), []byte(resultLine("hr", n, "")), 0o666); err != nil {
			t.Fatal(err)
		}
		if a := ask(p.convertArgs()...); !a.succeeded() {
			t.Fatalf("%v", &a)
		}
		if err := os.Remove(source(name)); err != nil {
			t.Fatal(err)
		}
		return readTree(t, p.lake)
	}
	asked := 0
	for _, apart := range []struct {
		what     string
		one, two tree
	}{
		{"of different sources", copyOf("e.jsonl", 8), copyOf("f.jsonl", 9)},
		{"of the same source", copyOf("e.jsonl", 8), copyOf("e.jsonl", 8)},
	} {
		for i, copies := range [][2]tree{{apart.one, apart.two}, {apart.two, apart.one}} {
			merged := maps.Clone(copies[0])
			maps.Copy(merged, copies[1])
			d := &damage{what: fmt.Sprintf("merged copies %s, %d", apart.what, i)}
			for name := range merged {
				if _, was := p.tree[name]; !was && !isCache(name) {
					d.names = append(d.names, name)
				}
			}
			slices.Sort(d.names)
			merged.write(t, p.lake)
			for _, command := range append(p.questions(), p.deeds()...) {
				a := ask(command...)
				asked++
				if a.succeeded() {
					p.failf(d, "not refused: %v", &a)
				} else if !d.named(&a) {
					p.failf(d, "refused without a file's name: %v", &a)
				}
				after := readTree(t, p.lake)
				for name := range after {
					if isCache(name) {
						delete(after, name)
					}
				}
				for name, data := range merged {
					if !isCache(name) && !bytes.Equal(after[name], data) {
						p.failf(d, "%s was changed by %v", name, &a)
					}
					delete(after, name)
				}
				if len(after) > 0 {
					p.failf(d, "%v were written by %v", slices.Sorted(maps.Keys(after)), &a)
				}
			}
		}
	}
	fmt.Printf("torture: %s: %d commands\n", t.Name(), asked)
}

// sampledDamages is how many cases of damage there are to one that the short form
// tries.
const sampledDamages = 12
