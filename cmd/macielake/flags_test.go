package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/macielake/macielake/internal/convert"
	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/gen"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/maintain"
	steps "github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/sink"
)

func TestSizeValue(t *testing.T) {
	for _, test := range []struct {
		in     string
		want   int64 // 0: refused
		string string
	}{
		{"1", 1, "1"},
		{"1B", 1, "1"},
		{"1024", 1024, "1KiB"},
		{"64MiB", 64 << 20, "64MiB"},
		{"64 MiB", 64 << 20, "64MiB"},
		{"400MB", 400_000_000, "390625KiB"},
		{"3kB", 3000, "3000"},
		{"3KB", 3000, "3000"},
		{"2GB", 2_000_000_000, "1953125KiB"},
		{"1TB", 1_000_000_000_000, "976562500KiB"},
		{"1TiB", 1 << 40, "1TiB"},
		{"1025GiB", 1025 << 30, "1025GiB"},
		{"8388607TiB", 8388607 << 40, "8388607TiB"},
		{"8388608TiB", 0, ""}, // 1<<63
		{"9223372036854775807", math.MaxInt64, "9223372036854775807"},
		{"9223372036854775808", 0, ""},
		{"", 0, ""},
		{"B", 0, ""},
		{"MiB", 0, ""},
		{"0", 0, ""},
		{"0MiB", 0, ""},
		{"-1", 0, ""},
		{"-1MiB", 0, ""},
		{"1.5GB", 0, ""},
		{"1e3", 0, ""},
		{"1_000", 0, ""},
		{"0x10", 0, ""},
		{"1MiBMiB", 0, ""},
		{"1 000", 0, ""},
		{"64mb", 64_000_000, "62500KiB"},
		{"64mib", 64 << 20, "64MiB"},
		{"1Mib", 1 << 20, "1MiB"},
		{"7b", 7, "7"},
		{"1M", 0, ""},
		{"1k", 0, ""},
	} {
		v := sizeValue(7)
		err := v.Set(test.in)
		if test.want == 0 {
			if err == nil || v != 7 {
				t.Errorf("%q: %d, %v; want an error and no change", test.in, v, err)
			}
			continue
		}
		if err != nil || int64(v) != test.want || v.String() != test.string {
			t.Errorf("%q: %d %s, %v; want %d %s", test.in, v, &v, err, test.want, test.string)
		}
		var again sizeValue
		if err := again.Set(v.String()); err != nil || again != v {
			t.Errorf("%q: the default as help shows it, %s, is %d, %v", test.in, &v, again, err)
		}
	}
}

func TestTimeValue(t *testing.T) {
	at := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct{ in, want string }{
		{"2026-11-22", "2026-11-22T00:00:00Z"},
		{"0001-01-01", "0001-01-01T00:00:00Z"},
		{"9999-12-31", "9999-12-31T00:00:00Z"},
		{"2026-11-22T08:00:00Z", "2026-11-22T08:00:00Z"},
		{"2026-11-22T08:00:00+09:00", "2026-11-21T23:00:00Z"},
		{"2026-11-22T08:00:00.123456Z", "2026-11-22T08:00:00.123456Z"},
		{"2024-02-29", "2024-02-29T00:00:00Z"},
		{"2026-02-29", ""},
		{"2026-11-22T08:00:00", ""},
		{"2026-11-22 08:00:00Z", ""},
		{"2026-11", ""},
		{"now", ""},
		{"", ""},
		{"10000-01-01", ""},
	} {
		var v timeValue
		err := v.Set(test.in)
		if test.want == "" {
			if err == nil || v.t != nil || v.String() != "" {
				t.Errorf("%q: %v, %v; want an error", test.in, v.t, err)
			}
			continue
		}
		if err != nil || !v.t.Equal(at(test.want)) || v.t.Location() != time.UTC {
			t.Errorf("%q: %v, %v; want %s", test.in, v.t, err, test.want)
		}
	}
}

func TestListValue(t *testing.T) {
	choices := []string{"a", "b", "c"}
	for _, test := range []struct {
		name    string
		choices []string
		sets    []string
		want    []string // nil: refused
	}{
		{"default", choices, nil, []string{"default"}},
		{"replaces the default", choices, []string{"b"}, []string{"b"}},
		{"commas", choices, []string{"c,a"}, []string{"c", "a"}},
		{"repetition", choices, []string{"c", "a"}, []string{"c", "a"}},
		{"white space", choices, []string{" a , b "}, []string{"a", "b"}},
		{"unknown", choices, []string{"d"}, nil},
		{"case", choices, []string{"A"}, nil},
		{"empty", choices, []string{""}, nil},
		{"trailing comma", choices, []string{"a,"}, nil},
		{"twice", choices, []string{"a,a"}, nil},
		{"twice by repetition", choices, []string{"a", "a"}, nil},
		{"free", nil, []string{"x,y"}, []string{"x", "y"}},
		{"free, empty", nil, []string{"x,,y"}, nil},
		{"free, white space", nil, []string{" "}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := listValue{values: []string{"default"}, choices: test.choices}
			var err error
			for _, s := range test.sets {
				err = errors.Join(err, v.Set(s))
			}
			if (err != nil) != (test.want == nil) || err == nil && !slices.Equal(v.values, test.want) {
				t.Errorf("%q, %v; want %q", v.values, err, test.want)
			}
			if err == nil && v.String() != strings.Join(test.want, ",") {
				t.Errorf("shown as %q", v.String())
			}
		})
	}
	t.Run("choices stay", func(t *testing.T) {
		v := listValue{values: choices, choices: choices}
		if err := v.Set("c,b,a"); err != nil || !slices.Equal(choices, []string{"a", "b", "c"}) {
			t.Errorf("choices are now %q, %v", choices, err)
		}
	})
}

func TestChoiceValue(t *testing.T) {
	v := choiceValue{"a", []string{"a", "b"}}
	if err := v.Set("b"); err != nil || v.String() != "b" || v.Type() != "a|b" {
		t.Errorf("%+v, %v", v, err)
	}
	for _, s := range []string{"", "B", "a|b", "c"} {
		if err := v.Set(s); err == nil || v.value != "b" {
			t.Errorf("%q: %+v, %v", s, v, err)
		}
	}
}

// The flags reach the options that convert.Run takes.
func TestConvertOptions(t *testing.T) {
	o, err := (&convertOptions{}).parsed("--out", "lake")
	if err != nil {
		t.Fatal(err)
	}
	if o.TableFormat != "parquet" || o.Compression != "zstd" || o.TargetFileSize != 256<<20 || o.PartSize != 64<<20 ||
		!slices.Equal(o.Tables, []string{"results", "detections", "occurrences"}) ||
		!slices.Equal(o.PartitionBy, []sink.PartitionKey{sink.ByCreatedMonth}) ||
		o.Limits.MaxLineBytes != 24<<20 || o.Limits.MaxLineValues != 250_000 || o.Limits.MaxInflatedBytes != 8<<30 || o.Limits.MaxRatio != 200 ||
		o.MaxRejects != -1 || !o.RejectRaw || o.AllowCopies || o.NoWait || o.AcceptChanged || o.Workers < 1 || o.Filter.Since != nil {
		t.Errorf("defaults: %+v", o)
	}
	o, err = (&convertOptions{}).parsed("-o", "lake", "-j", "3", "--partition-by", "none", "--tables", "results", "--max-rejects", "0",
		"--reject-raw", "none", "--until", "2026-01-01", "--only-job", "a", "--max-line-bytes", "1KiB", "--allow-copies", "--no-wait", "--accept-changed")
	if err != nil {
		t.Fatal(err)
	}
	if len(o.PartitionBy) != 0 || o.Workers != 3 || o.MaxRejects != 0 || o.RejectRaw || !o.AllowCopies || !o.NoWait || !o.AcceptChanged ||
		o.Filter.Until.Year() != 2026 || o.Filter.Jobs[0] != "a" || o.Limits.MaxLineBytes != 1024 {
		t.Errorf("%+v", o)
	}
}

func TestClassify(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		hint string // in it; "-" for none
	}{
		{&interruption{signal: syscall.SIGINT}, 130, "-"},
		{&interruption{signal: syscall.SIGTERM}, 143, "-"},
		{errors.Join(&interruption{signal: syscall.SIGTERM}, fs.ErrPermission), 143, "-"},
		{usagef("x"), 2, "-"},
		{&input.NotFoundError{Input: "x"}, 5, "quote a glob"},
		{&input.NotFoundError{Skipped: 3}, 5, "AWSLogs"},
		{&input.InsideOutputError{Input: "a", Out: "b"}, 2, "output"},
		{&convert.NotEmptyError{Out: "x"}, 1, "new or empty"},
		{&convert.StdinError{Out: "x"}, 2, "new directory"},
		{&convert.DifferentError{Out: "x"}, 2, "the dataset was made with"},
		{&coord.BusyError{Run: "000001"}, 1, "wait"},
		{&convert.RunError{Run: "000001", Err: &steps.AbandonedError{Run: "000001"}}, 1, "free again"},
		{&state.NotCreateOnlyError{Store: "x"}, 1, "INPUT only"},
		{&state.FormatError{Name: "x", Format: 9}, 1, "new dataset"},
		{&state.DamagedError{Name: "x", Err: errors.New("y")}, 1, "repair"},
		{&state.NotWholeError{Name: "x"}, 1, "repair"},
		{&maintain.NotWholeError{Problems: []maintain.Problem{{Name: "x"}}}, 1, "repair"},
		{&state.DroppedError{Dataset: "x"}, 1, "drop DATASET --delete"},
		{&state.ReplacedError{Dataset: "x"}, 1, "run the same command again"},
		{&convert.RunError{Run: "000001", Err: &steps.SpoiledError{}}, 1, "abandon DATASET 000001"},
		{&convert.RunError{Run: "000001", Err: &steps.SpoiledError{Err: fs.ErrNotExist}}, 1, "abandon DATASET 000001"},
		{&convert.RunError{Run: "000001", Err: &steps.SpoiledError{Err: &store.ContentError{Name: "x"}}}, 1, "abandon DATASET 000001"},
		{&store.ContentError{Name: "x"}, 1, "verify"},
		{&maintain.NoRejectsError{}, 5, "macielake rejects"},
		{&overdueError{}, 5, "convert still runs"},
		{&convert.RunError{Run: "000001", Err: &steps.TooManyRejectsError{}}, 1, "abandon DATASET 000001"},
		{&convert.RunError{Run: "000001", Err: errors.New("x")}, 1, "run the same command again"},
		{&interruption{signal: syscall.SIGINT, resumable: true}, 130, "run the same command again"},
		{&steps.TooManyRejectsError{Limit: 1, First: state.Reject{URI: "x", Class: schema.Malformed}}, 1, "--max-rejects"},
		{fmt.Errorf("part 3: %w", &sink.TooManyPartitionsError{Table: "results"}), 1, "--part-size"},
		{&gen.OptionError{Option: "size", Problem: "x"}, 2, "help gen"},
		{fmt.Errorf("sample directory: %w", gen.ErrNotEmpty), 1, "empty directory"},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 1, "disk is full"},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.EDQUOT}, 1, "disk is full"},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.EFBIG}, 1, "disk is full"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}, 1, "ulimit -n"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, 1, "permissions"},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EROFS}, 1, "permissions"},
		{context.DeadlineExceeded, 1, "-"},
	} {
		code, hint := classify(test.err)
		if code != test.code || test.hint == "-" && hint != "" || test.hint != "-" && !strings.Contains(hint, test.hint) {
			t.Errorf("%v: %d, %q; want %d and %q", test.err, code, hint, test.code, test.hint)
		}
	}
}

func TestFinish(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		want string
	}{
		{nil, 0, ""},
		{&outcome{3}, 3, ""},
		{fmt.Errorf("x: %w", &outcome{4}), 4, ""},
		{errors.New("bad \x1b[2J\x9b\xff\u202e"), 1, "macielake: bad \\x1b[2J\\x9b\\xff\\u202e\n"},
		{usagef("no"), 2, "macielake: no\nhint: see 'macielake help gc'\n"},
	} {
		var out bytes.Buffer
		s := session{stderr: &out, command: "gc"}
		if code := s.finish(test.err); code != test.code || out.String() != test.want {
			t.Errorf("%v: %d, %q; want %d, %q", test.err, code, out.String(), test.code, test.want)
		}
	}
	// Joined errors stay readable: their newlines aren't input to be escaped.
	var out bytes.Buffer
	s := session{stderr: &out}
	s.finish(errors.Join(errors.New("one"), errors.New("two")))
	if s := out.String(); !strings.Contains(s, "one; two") {
		t.Errorf("joined errors: %q", s)
	}
}
