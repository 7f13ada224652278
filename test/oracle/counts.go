package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// expectation is what the generator says a conversion must count.
type expectation struct {
	Sources           int64            `json:"sources"`
	SkippedFiles      int64            `json:"skipped_files"`
	Lines             int64            `json:"lines"`
	BlankLines        int64            `json:"blank_lines"`
	InflatedBytes     int64            `json:"inflated_bytes"`
	Rows              map[string]int64 `json:"rows"`
	OccurrencesByKind map[string]int64 `json:"occurrences_by_kind"`
	UnknownFields     map[string]int64 `json:"unknown_fields"`
	Rejects           struct {
		Lines   []expectedReject `json:"lines"`
		Sources []expectedReject `json:"sources"`
	} `json:"rejects"`
}

type expectedReject struct {
	Path  string `json:"path"`
	Line  int64  `json:"line"`
	Class string `json:"class"`
}

// summary is the answer of the document that the converter printed with --json.
type summary struct {
	Sources           map[string]int64 `json:"sources"`
	Lines             int64            `json:"lines"`
	Records           int64            `json:"records"`
	Blank             int64            `json:"blank"`
	Rows              map[string]int64 `json:"rows"`
	OccurrencesByKind map[string]int64 `json:"occurrences_by_kind"`
	Rejects           struct {
		Lines   int64 `json:"lines"`
		Sources int64 `json:"sources"`
	} `json:"rejects"`
	UnknownFields map[string]int64 `json:"unknown_fields"`
}

// counts compares a conversion's summary and its rejects with what the
// generator kept count of.
func counts(w io.Writer, raw, dataset, expectedFile, summaryFile string) error {
	var want expectation
	var printed struct {
		Answer summary `json:"answer"`
	}
	if err := readJSON(expectedFile, &want); err != nil {
		return err
	}
	if err := readJSON(summaryFile, &printed); err != nil {
		return err
	}
	different := false
	got := &printed.Answer
	check := func(what string, got, want int64) {
		if got != want {
			different = true
			fmt.Fprintf(w, "%s: %d, expected %d\n", printable(what), got, want)
		}
	}
	rejected := int64(len(want.Rejects.Sources))
	check("sources converted", got.Sources["converted"], want.Sources-rejected)
	check("sources rejected", got.Sources["rejected"], rejected)
	check("sources unreadable", got.Sources["unreadable"], 0)
	check("files skipped", got.Sources["skipped"], want.SkippedFiles)
	check("lines", got.Lines, want.Lines)
	check("records", got.Records, want.Rows["results"])
	check("blank lines", got.Blank, want.BlankLines)
	check("rejected lines", got.Rejects.Lines, int64(len(want.Rejects.Lines)))
	checkMap := func(what string, got, want map[string]int64) {
		for name, n := range want {
			check(what+" "+name, got[name], n)
		}
		for name, n := range got {
			check(what+" "+name, n, want[name])
		}
	}
	checkMap("rows of", got.Rows, want.Rows)
	checkMap("occurrences of kind", got.OccurrencesByKind, want.OccurrencesByKind)
	checkMap("unknown field", got.UnknownFields, want.UnknownFields)

	rejects, err := readRejectFiles(raw, dataset)
	if err != nil {
		return err
	}
	expected := slices.Concat(want.Rejects.Lines, want.Rejects.Sources)
	for _, r := range expected {
		if !slices.Contains(rejects, r) {
			different = true
			fmt.Fprintf(w, "not rejected: %s\n", printable(fmt.Sprint(r)))
		}
	}
	for _, r := range rejects {
		if !slices.Contains(expected, r) {
			different = true
			fmt.Fprintf(w, "rejected: %s\n", printable(fmt.Sprint(r)))
		}
	}
	check("rejects in files", int64(len(rejects)), int64(len(expected)))
	if different {
		return errDifferent
	}
	fmt.Fprintf(w, "counts equal: %d lines, %d rejects\n", got.Lines, len(rejects))
	return nil
}

func readJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readRejectFiles reads what a dataset's conversion rejected, with paths
// relative to the raw directory.
func readRejectFiles(raw, dataset string) ([]expectedReject, error) {
	root, err := filepath.EvalSymlinks(raw)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dataset, "_macielake", "rejects", "*.jsonl"))
	if err != nil {
		return nil, err
	}
	var rejects []expectedReject
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		dec := json.NewDecoder(bufio.NewReader(f))
		for {
			var r struct {
				URI   string `json:"uri"`
				Line  int64  `json:"line"`
				Class string `json:"class"`
			}
			err := dec.Decode(&r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				f.Close()
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			path, ok := strings.CutPrefix(r.URI, root+"/")
			if !ok {
				path = r.URI
			}
			rejects = append(rejects, expectedReject{path, r.Line, r.Class})
		}
		f.Close()
	}
	return rejects, nil
}
