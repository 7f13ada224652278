// Package gen writes sample archives of Macie sensitive data discovery results:
// trees of .jsonl.gz sources in Macie's key layout whose content is a function
// of the options alone, and beside each tree the counts that a correct reader
// must arrive at.
//
// Call [Run] with [Options]; [Profiles] lists what can be written. The counts
// come back as [Expected] and are in DIR.expected.json. The history profile also
// writes what really happened, [Truth], to DIR.truth.json.
//
// Every value is made up. The same options give the same bytes on every
// machine: clock, map order and floating point play no part, and files get
// their modification time from the records in them.
package gen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Encoding says how values are written; see the constants.
type Encoding string

const (
	// EncodingReal is what Macie writes to a bucket: integers as strings,
	// absent keys left out, every list of locations present, HTML-safe escapes.
	EncodingReal Encoding = "real"
	// EncodingAPI is what the Macie API reference shows: numbers, nulls, only
	// the used list of locations.
	EncodingAPI Encoding = "api"
	// EncodingMixed varies by source, by line, and within lines by field.
	EncodingMixed Encoding = "mixed"
)

// Encodings lists the encodings in the order they are documented.
func Encodings() []Encoding { return []Encoding{EncodingReal, EncodingAPI, EncodingMixed} }

// Profile is one kind of sample tree.
type Profile struct {
	Name        string
	Description string // one line, for help texts
	DefaultSize int64  // inflated bytes
}

// Profile names.
const (
	profileMixed    = "mixed"
	profileSmall    = "small"
	profileLarge    = "large"
	profileArchives = "archives"
	profileRepeated = "repeated"
	profileHistory  = "history"
	profileHostile  = "hostile"
)

// Profiles lists what [Run] can write, the default first.
func Profiles() []Profile {
	return []Profile{
		{profileMixed, "an estate: clean, skipped and sensitive objects, a heavy tail of occurrences", 400_000_000},
		{profileSmall, "many objects of one to three lines", 207_000_000},
		{profileLarge, "one object of the whole size", 1_000_000_000},
		{profileArchives, "results of zip and tar files with a line for each member", 200_000_000},
		{profileRepeated, "objects that are analysed again and again, as they were, changed, or skipped", 50_000_000},
		{profileHistory, "an estate over 120 days, and what really happened in it in DIR.truth.json", 20_000_000},
		{profileHostile, "good lines among every kind of bad line and bad object", 2_000_000},
	}
}

// Options says what [Run] writes. The zero value of a field other than Dir and
// Seed stands for its default.
type Options struct {
	Dir      string   // a new or empty directory
	Seed     uint64   // any value, 0 included
	Size     int64    // inflated bytes, reached within one source; default: the profile's. The hostile profile counts its valid sources alone, history scales its number of objects
	Profile  string   // default: the first of Profiles
	Encoding Encoding // default: EncodingReal
}

// OptionError is an invalid value of [Options].
type OptionError struct {
	Option  string // the option's name as a command line has it: dir, size, profile, encoding
	Problem string // what is wrong and what would be right
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Problem }

// ErrNotEmpty is returned by [Run] for a directory that is not empty.
var ErrNotEmpty = errors.New("directory is not empty")

// withDefaults returns o with its defaults filled in, or an *OptionError for
// the first invalid option.
func (o Options) withDefaults() (Options, error) {
	profiles := Profiles()
	if o.Dir == "" {
		return o, &OptionError{"dir", "no directory given"}
	}
	if o.Profile == "" {
		o.Profile = profiles[0].Name
	}
	i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == o.Profile })
	if i < 0 {
		names := make([]string, len(profiles))
		for i, p := range profiles {
			names[i] = p.Name
		}
		return o, &OptionError{"profile", "must be one of " + strings.Join(names, ", ")}
	}
	if o.Encoding == "" {
		o.Encoding = EncodingReal
	}
	if !slices.Contains(Encodings(), o.Encoding) {
		return o, &OptionError{"encoding", "must be one of real, api, mixed"}
	}
	if o.Size < 0 {
		return o, &OptionError{"size", "must not be negative"}
	}
	if o.Size == 0 {
		o.Size = profiles[i].DefaultSize
	}
	return o, nil
}

// Run writes a sample tree into opts.Dir, and its counts to
// opts.Dir + ".expected.json" once the tree is complete. An existing file of that
// name is removed first, so it never describes another tree.
//
// Errors: *OptionError, one that wraps [ErrNotEmpty], ctx's error, or that of the
// file system. After an error the files written so far stay in the directory, and
// expected.json does not exist.
func Run(ctx context.Context, opts Options) (Expected, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Expected{}, err
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return Expected{}, fmt.Errorf("sample directory: %w", err)
	}
	if err := makeEmptyDir(dir); err != nil {
		return Expected{}, fmt.Errorf("sample directory: %w", err)
	}
	expectedPath := dir + ".expected.json"
	if err := os.Remove(expectedPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Expected{}, fmt.Errorf("earlier counts: %w", err)
	}

	w := newTree(dir, opts)
	objects := newRouter(opts)
	if opts.Profile == profileHistory {
		err = writeHistory(ctx, w, opts, dir+".truth.json")
	} else {
		err = writeEstate(ctx, w, opts, objects)
	}
	if err == nil && opts.Profile == profileHostile {
		err = writeHostile(ctx, w, opts, objects)
	}
	if err == nil {
		err = w.writeSkipped()
	}
	if err != nil {
		return Expected{}, err
	}
	expected := w.counts()
	b, err := json.MarshalIndent(expected, "", "  ")
	if err != nil {
		return Expected{}, fmt.Errorf("counts: %w", err)
	}
	if err := os.WriteFile(expectedPath, append(b, '\n'), 0o644); err != nil {
		return Expected{}, fmt.Errorf("counts: %w", err)
	}
	return expected, nil
}

// makeEmptyDir creates dir, or checks that it exists and is empty.
func makeEmptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if names, _ := f.Readdirnames(1); len(names) > 0 {
		return ErrNotEmpty
	}
	return nil
}
