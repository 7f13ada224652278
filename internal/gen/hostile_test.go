package gen

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var lineClasses = []string{
	classLineTooLong, classNesting, classMalformed, classTrailingText, classNotObject, classWrongType,
	classDuplicateField, classIntegerRange, classUTF8, classTime, classTagWithoutKey, classTooManyValues,
}

var sourceClasses = []string{
	classEmptyObject, classNotGzip, classTrailingGarbage, classTruncated, classCorrupt, classChecksum,
	classInflatedTooLarge, classInflationRatio,
}

func TestHostileHasEveryClass(t *testing.T) {
	dir, e := run(t, Options{Seed: 1, Size: 100_000, Profile: profileHostile, Encoding: EncodingMixed})
	rejected := map[string]bool{}
	for _, r := range e.Rejects.Lines {
		rejected[r.Class] = true
	}
	for _, r := range e.Rejects.Sources {
		rejected[r.Class] = true
	}
	for _, class := range append(slices.Clone(lineClasses), sourceClasses...) {
		if !rejected[class] {
			t.Errorf("no line or source is %s", class)
		}
		delete(rejected, class)
	}
	if len(rejected) > 0 {
		t.Errorf("unknown classes: %v", rejected)
	}
	if e.BlankLines == 0 || e.Lines != e.Rows.Results+e.BlankLines+int64(len(e.Rejects.Lines)) {
		t.Errorf("%d lines, %d of them blank, %d rejected, %d rows", e.Lines, e.BlankLines, len(e.Rejects.Lines), e.Rows.Results)
	}
	var onDisk int64
	for _, rel := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil {
			t.Fatal(err)
		}
		onDisk += info.Size()
	}
	if onDisk > 5_000_000 {
		t.Errorf("%d bytes on disk", onDisk)
	}
}

// The standard library finds the errors of bad sources, too.
func TestBadSources(t *testing.T) {
	dir, e := run(t, Options{Seed: 4, Size: 10_000, Profile: profileHostile})
	for _, r := range e.Rejects.Sources {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(r.Path)))
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		zr, err := gzip.NewReader(bytes.NewReader(b))
		if err == nil {
			n, err = io.Copy(io.Discard, zr)
		}
		switch r.Class {
		case classEmptyObject:
			if len(b) != 0 {
				t.Errorf("%s: %d bytes", r.Class, len(b))
			}
		case classNotGzip:
			if !errors.Is(err, gzip.ErrHeader) || b[0] == 0x1f || json.Valid(b) {
				t.Errorf("%s: %v", r.Class, err)
			}
		case classTrailingGarbage:
			if err == nil || n == 0 { // for gzip, short garbage is a header that was cut off
				t.Errorf("%s: %v after %d bytes", r.Class, err, n)
			}
		case classTruncated:
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %v", r.Class, err)
			}
		case classChecksum:
			if !errors.Is(err, gzip.ErrChecksum) {
				t.Errorf("%s: %v", r.Class, err)
			}
		case classCorrupt:
			if !errors.As(err, new(flate.CorruptInputError)) {
				t.Errorf("%s: %v", r.Class, err)
			}
		case classInflatedTooLarge:
			if ratio := n / int64(len(b)); err != nil || n <= maxInflatedBytes || ratio > 150 {
				t.Errorf("%s: %d bytes, ratio %d, %v", r.Class, n, ratio, err)
			}
		case classInflationRatio:
			if ratio := n / int64(len(b)); err != nil || n <= 64<<20 || n >= maxInflatedBytes || ratio < 400 {
				t.Errorf("%s: %d bytes, ratio %d, %v", r.Class, n, ratio, err)
			}
		}
	}
}

// forTemplates calls use with the forTemplates of several seeds and all encodings.
func forTemplates(t *testing.T, use func(line string)) {
	t.Helper()
	for seed := range uint64(5) {
		for _, encoding := range Encodings() {
			opts := Options{Seed: seed, Encoding: encoding, Profile: profileHostile}
			s := newShape(opts.Profile, 100_000)
			s.locations = 5
			h := &hostile{context.Background(), nil, &generator{shape: s, encoding: encoding}, opts, newRouter(opts), 0}
			for range 2 {
				script, err := h.newScript()
				if err != nil {
					t.Fatal(err)
				}
				line, _ := script.template()
				use(line)
			}
		}
	}
}

// Bad lines have the errors of their classes, as far as that shows without a decoder
// of the schema.
func TestBadLines(t *testing.T) {
	list := badLines()
	forTemplates(t, func(good string) {
		if !json.Valid([]byte(good)) || len(good) > maxLineBytes/2 {
			t.Fatalf("the template is not a valid line of moderate length: %.300q", good)
		}
		for _, l := range list {
			line := l.make(good)
			valid := json.Valid([]byte(line))
			first := json.NewDecoder(strings.NewReader(line)).Decode(new(json.RawMessage))
			ok := !strings.Contains(line, "\n") && line != good && utf8.ValidString(line)
			switch l.class {
			case classLineTooLong:
				ok = ok && valid && len(line) > maxLineBytes
			case classNesting:
				ok = ok && strings.Contains(line, strings.Repeat("[", 257)) || strings.Count(line, `{"a":`) > 257 || strings.Count(line, `[{"":`) > 257
			case classMalformed:
				ok = ok && first != nil
			case classTrailingText:
				ok = ok && !valid && first == nil
			case classNotObject:
				ok = ok && valid && !strings.HasPrefix(line, "{")
			case classUTF8:
				ok = valid && (!utf8.ValidString(line) || strings.Contains(strings.ToLower(line), `\ud`))
			case classWrongType: // two have a second error, which makes them invalid JSON
				ok = ok && (valid || strings.Contains(line, `"size":1.0`))
			default:
				ok = ok && valid
			}
			if l.class != classLineTooLong && len(line) > maxLineBytes {
				ok = false
			}
			if !ok {
				t.Errorf("%s: %.400q", l.class, line)
			}
		}
	})
	for i, l := range list {
		if i > 0 && l.class != list[i-1].class && slices.ContainsFunc(list[:i-1], func(m badLine) bool { return m.class == l.class }) {
			t.Errorf("lines of %s are not together", l.class)
		}
	}
}

func TestOddLines(t *testing.T) {
	list := oddLines()
	forTemplates(t, func(good string) {
		for _, l := range list {
			line := l.make(good)
			if !json.Valid([]byte(line)) || !utf8.ValidString(line) || strings.Contains(line, "\n") || len(line) > maxLineBytes {
				t.Errorf("%.300q", line)
			}
		}
	})
}
