// Package gen writes samples of Macie sensitive data discovery results: trees of
// .jsonl.gz sources in Macie's key layout, whose content depends only on the options.
// Beside each tree it writes the counts that a correct reader must report.
//
// Call [Run] with [Options]; [Profiles] lists the kinds of sample. Run returns the
// counts as [Expected] and writes them to DIR.expected.json. The history profile also
// writes [Truth], the events that the results report, to DIR.truth.json.
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

// Encoding says how the values of a result are written in JSON.
type Encoding string

const (
	// EncodingReal is what Macie writes to a bucket: integers as strings,
	// no key for an absent value, every list of locations present, HTML-safe escapes.
	EncodingReal Encoding = "real"
	// EncodingAPI is what the Macie API reference shows: numbers, nulls, only
	// the used list of locations.
	EncodingAPI Encoding = "api"
	// EncodingMixed varies by source, by line, and within lines by field.
	EncodingMixed Encoding = "mixed"
)

// Encodings returns the encodings in the order in which they are documented.
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

// Profiles returns the profiles that [Run] can write, the default first.
func Profiles() []Profile {
	return []Profile{
		{profileMixed, "an estate: clean, skipped and sensitive objects, a heavy tail of occurrences", 400_000_000},
		{profileSmall, "many sources of one to three lines", 207_000_000},
		{profileLarge, "one source of the whole size", 1_000_000_000},
		{profileArchives, "results of zip and tar files with one line per member", 200_000_000},
		{profileRepeated, "objects that are analysed repeatedly: unchanged, changed or skipped", 50_000_000},
		{profileHistory, "an estate over 120 days, with its real events in DIR.truth.json", 20_000_000},
		{profileHostile, "valid lines among every kind of bad line and bad source", 2_000_000},
	}
}

// Options says what [Run] writes. A zero Size, Profile or Encoding stands for its
// default.
type Options struct {
	Dir  string // a new or empty directory
	Seed uint64 // any value, 0 included
	// Size is in inflated bytes; default: the profile's. The last source exceeds it.
	// The hostile profile adds its bad and odd sources to it, and the history profile
	// derives its number of objects from it.
	Size     int64
	Profile  string   // default: the first of Profiles
	Encoding Encoding // default: EncodingReal
}

// OptionError says that a value of [Options] is invalid.
type OptionError struct {
	Option  string // its name on the command line: dir, size, profile or encoding
	Problem string // what is wrong, and which values are valid
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

// Run writes a sample tree into opts.Dir and, once the tree is complete, its counts
// to opts.Dir + ".expected.json". It first removes an existing file of that name, which
// would describe another tree.
//
// The error is an *OptionError, wraps [ErrNotEmpty], or is that of ctx or the file
// system. After an error the files written so far stay in the directory, and
// expected.json does not exist. Runs into different directories may be concurrent.
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
	sites := newRouter(opts)
	if opts.Profile == profileHistory {
		err = writeHistory(ctx, w, opts, dir+".truth.json")
	} else {
		err = writeEstate(ctx, w, opts, sites)
	}
	if err == nil && opts.Profile == profileHostile {
		err = writeHostile(ctx, w, opts, sites)
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
