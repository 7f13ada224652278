package gen

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// run writes a sample and checks that expected.json is what Run returned.
func run(t testing.TB, opts Options) (string, Expected) {
	t.Helper()
	if opts.Dir == "" {
		opts.Dir = filepath.Join(t.TempDir(), "sample")
	}
	e, err := Run(context.Background(), opts)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(opts.Dir + ".expected.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, append(want, '\n')) {
		t.Fatal("expected.json differs from what Run returned")
	}
	return opts.Dir, e
}

// files returns the paths of a tree's files, relative and with slashes.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		list = append(list, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func isSource(rel string) bool {
	return strings.HasSuffix(rel, ".jsonl.gz") || strings.HasSuffix(rel, ".jsonl")
}

// content returns a source's inflated bytes, by the standard library.
func content(t testing.TB, dir, rel string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(rel)))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) < 2 || b[0] != 0x1f || b[1] != 0x8b {
		return b
	}
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(rel, err)
	}
	if b, err = io.ReadAll(zr); err != nil {
		t.Fatal(rel, err)
	}
	return b
}

// hash returns a checksum of the names, modification times and stored bytes of a tree.
func hash(t testing.TB, dir string) string {
	t.Helper()
	h := sha256.New()
	for _, rel := range files(t, dir) {
		path := filepath.Join(dir, filepath.FromSlash(rel))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d %d\n", rel, info.ModTime().UnixMilli(), len(b))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			opts := Options{Seed: 7, Size: 300_000, Profile: p.Name, Encoding: EncodingMixed}
			a, ea := run(t, opts)
			b, eb := run(t, opts)
			if hash(t, a) != hash(t, b) || fmt.Sprint(ea) != fmt.Sprint(eb) {
				t.Error("two runs differ")
			}
			opts.Seed = 8
			if c, _ := run(t, opts); hash(t, a) == hash(t, c) {
				t.Error("another seed gives the same bytes")
			}
		})
	}
}

// The bytes of these samples must not change by accident: files of one version are
// compared with counts of another. Change the sums only with an intended change of
// the generator.
func TestGolden(t *testing.T) {
	for _, test := range []struct {
		profile  string
		encoding Encoding
		want     string
	}{
		{profileMixed, EncodingReal, "531e2aaf11accb42"},
		{profileMixed, EncodingAPI, "036df1e68454cfb3"},
		{profileMixed, EncodingMixed, "3fac68af464ca92b"},
		{profileSmall, EncodingMixed, "2e56f1097d04b509"},
		{profileLarge, EncodingMixed, "1d5fdb1266874970"},
		{profileArchives, EncodingMixed, "61b355ec4915b1ca"},
		{profileRepeated, EncodingMixed, "9ce82976b37d6d11"},
		{profileHistory, EncodingMixed, "c480886d9ed01faa"},
		{profileHostile, EncodingMixed, "2a36a8d72ecab230"},
	} {
		t.Run(fmt.Sprint(test.profile, "-", test.encoding), func(t *testing.T) {
			dir, e := run(t, Options{Seed: 1, Size: 128 << 10, Profile: test.profile, Encoding: test.encoding})
			h := sha256.New()
			for _, rel := range files(t, dir) {
				fmt.Fprintln(h, rel)
				if !slices.ContainsFunc(e.Rejects.Sources, func(r SourceReject) bool { return r.Path == rel }) {
					h.Write(content(t, dir, rel))
				}
			}
			fmt.Fprintln(h, e.Rejects)
			if got := hex.EncodeToString(h.Sum(nil))[:16]; got != test.want {
				t.Errorf("sum is %s, was %s", got, test.want)
			}
		})
	}
}

func TestExpectedEqualsRecount(t *testing.T) {
	for _, p := range Profiles() {
		for _, encoding := range Encodings() {
			t.Run(fmt.Sprint(p.Name, "-", encoding), func(t *testing.T) {
				t.Parallel()
				size := int64(1_500_000)
				if p.Name == profileHostile {
					size = 200_000
				}
				dir, want := run(t, Options{Seed: 3, Size: size, Profile: p.Name, Encoding: encoding})
				got := recount(t, dir, want)
				a, _ := json.MarshalIndent(got, "", " ")
				b, _ := json.MarshalIndent(want, "", " ")
				if !bytes.Equal(a, b) {
					t.Errorf("recount\n%s\nexpected.json\n%s", a, b)
				}
			})
		}
	}
}

func TestDefaultShape(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 40 MB")
	}
	_, e := run(t, Options{Seed: 1, Size: 40_000_000})
	managed, customs := 0, 0
	for name, c := range e.ByType {
		if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == "" {
			managed += int(c.Detections)
		} else {
			customs += int(c.Detections)
		}
	}
	for _, x := range []struct {
		what          string
		got, min, max int64
	}{
		{"size", e.InflatedBytes, 40_000_000, 44_000_000},
		{"bytes per line", e.InflatedBytes / e.Lines, 7000, 11000},
		{"occurrences per line", e.Rows.Occurrences / e.Lines, 90, 160},
		{"sources", e.Sources, 10, 40},
		{"percent custom", int64(100 * customs / (managed + customs)), 12, 18},
		{"ratio", e.InflatedBytes / e.CompressedBytes, 6, 14},
	} {
		if x.got < x.min || x.got > x.max {
			t.Errorf("%s: %d, want %d to %d", x.what, x.got, x.min, x.max)
		}
	}

	dir, e := run(t, Options{Seed: 1, Size: 2_000_000, Profile: profileSmall})
	if mean := e.InflatedBytes / e.Sources; mean < 6_000 || mean > 14_000 {
		t.Errorf("small: %d bytes per source", mean)
	}
	for _, rel := range files(t, dir) {
		if n := bytes.Count(content(t, dir, rel), []byte("\n")); isSource(rel) && (n < 1 || n > 3) {
			t.Errorf("small: a source of %d lines", n)
		}
	}

	if _, e = run(t, Options{Seed: 1, Size: 2_000_000, Profile: profileLarge}); e.Sources != 1 {
		t.Errorf("large: %d sources", e.Sources)
	}
}

func TestOptions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	for _, test := range []struct {
		option string
		opts   Options
	}{
		{"dir", Options{}},
		{"profile", Options{Dir: dir, Profile: "Mixed"}},
		{"encoding", Options{Dir: dir, Encoding: "json"}},
		{"size", Options{Dir: dir, Size: -1}},
	} {
		_, err := Run(context.Background(), test.opts)
		var bad *OptionError
		if !errors.As(err, &bad) || bad.Option != test.option {
			t.Errorf("%s: error is %v", test.option, err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused option left a directory behind")
	}
}

func TestDirectory(t *testing.T) {
	base := t.TempDir()
	small := Options{Size: 1000, Dir: filepath.Join(base, "new", "sample")}
	run(t, small)
	if _, err := Run(context.Background(), small); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a directory that isn't empty: %v", err)
	}
	if got := files(t, base); !slices.Contains(got, "new/sample.expected.json") {
		t.Errorf("files are %v", got)
	}

	small.Dir = filepath.Join(base, "file")
	if err := os.WriteFile(small.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(context.Background(), small); err == nil {
		t.Error("no error for a file")
	}

	t.Chdir(base)
	small.Dir = "relative/"
	if _, err := Run(context.Background(), small); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(base, "relative.expected.json")); err != nil {
		t.Error(err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, p := range Profiles() {
		dir := filepath.Join(t.TempDir(), "sample")
		if err := os.WriteFile(dir+".expected.json", []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(ctx, Options{Dir: dir, Profile: p.Name, Size: 100_000}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v", p.Name, err)
		}
		if _, err := os.Stat(dir + ".expected.json"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: counts of an incomplete sample", p.Name)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	for _, p := range Profiles() {
		if p.Name == profileHostile {
			continue
		}
		for _, encoding := range Encodings() {
			b.Run(fmt.Sprint(p.Name, "-", encoding), func(b *testing.B) {
				base := b.TempDir()
				b.ReportAllocs()
				for i := range b.N {
					opts := Options{Dir: filepath.Join(base, fmt.Sprint(i)), Seed: 1, Size: 40_000_000, Profile: p.Name, Encoding: encoding}
					e, err := Run(context.Background(), opts)
					if err != nil {
						b.Fatal(err)
					}
					if e.Rows.Occurrences < 100_000 {
						b.Fatal("too few occurrences")
					}
					b.SetBytes(e.InflatedBytes)
					b.StopTimer()
					if err := os.RemoveAll(opts.Dir); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			})
		}
	}
}
