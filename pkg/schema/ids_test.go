package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Field ids never change: files, Iceberg tables and readers rely on them.
// testdata/field_ids.txt has one line per id that was ever used: id, column, type,
// and "retired" once the column is gone. New lines are appended. The first
// frozenLines lines are frozen, and frozenSum is their checksum; raise both when a
// release adds lines.
const (
	frozenLines = 117
	frozenSum   = "f558ae73396ab691a8ec1cd901b9be4b7378f0d0d0ebe3944be554ab38eaee90"
)

func TestFieldIDs(t *testing.T) {
	data, err := os.ReadFile("testdata/field_ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	if len(lines) < frozenLines {
		t.Fatalf("%d lines, fewer than the %d frozen ones", len(lines), frozenLines)
	}
	sum := sha256.Sum256(bytes.TrimSpace(bytes.Join(lines[:frozenLines], nil)))
	if got := hex.EncodeToString(sum[:]); got != frozenSum {
		t.Errorf("a frozen line changed: the checksum of the first %d is %s", frozenLines, got)
	}

	given := map[int32]string{} // id to column and type
	names := map[string]bool{}
	retired := map[int32]bool{}
	for i, line := range lines {
		fields := strings.Fields(string(line))
		if len(fields) != 3 && (len(fields) != 4 || fields[3] != "retired") {
			t.Fatalf("line %d: %q", i+1, line)
		}
		n, err := strconv.ParseInt(fields[0], 10, 32)
		if err != nil || n <= 0 {
			t.Fatalf("line %d: %q", i+1, line)
		}
		id := int32(n)
		if given[id] != "" {
			t.Errorf("line %d: id %d already belongs to %s", i+1, id, given[id])
		}
		given[id] = fields[1] + " " + fields[2]
		if names[fields[1]] {
			t.Errorf("%s has two ids", fields[1])
		}
		names[fields[1]] = true
		retired[id] = len(fields) == 4
	}

	used := map[int32]bool{}
	check := func(id int32, name, kind string) {
		used[id] = true
		switch {
		case given[id] != name+" "+kind:
			t.Errorf("%s of type %s has the id %d, which belongs to %q", name, kind, id, given[id])
		case retired[id]:
			t.Errorf("%s has the retired id %d", name, id)
		}
	}
	for _, table := range append(Tables(), Runs()) {
		seen := map[int32]string{}
		for _, c := range table.Columns {
			// Columns that detections and occurrences repeat have the ids of the
			// table that they come from.
			name := table.Name + "." + c.Name
			if r, ok := Results().Column(c.Name); ok && r.ID == c.ID {
				name = "results." + c.Name
			} else if d, ok := Detections().Column(c.Name); ok && d.ID == c.ID {
				name = "detections." + c.Name
			}
			kind := map[Type]string{Text: "text", Int64: "int64", Int32: "int32", Bool: "bool", Timestamp: "timestamp", Map: "map"}[c.Type]
			check(c.ID, name, kind)
			if (c.KeyID != 0 || c.ValueID != 0) != (c.Type == Map) {
				t.Errorf("%s: only a map has ids of keys and values", name)
			}
			ids := []int32{c.ID}
			if c.Type == Map {
				check(c.KeyID, name+".key", "text")
				check(c.ValueID, name+".value", "text")
				ids = append(ids, c.KeyID, c.ValueID)
			}
			for _, id := range ids {
				if seen[id] != "" {
					t.Errorf("%s: %s and %s share the id %d", table.Name, seen[id], c.Name, id)
				}
				seen[id] = c.Name
			}
		}
	}
	for id, column := range given {
		if used[id] == retired[id] {
			t.Errorf("id %d of %s: used %v, retired %v", id, column, used[id], retired[id])
		}
	}
	if t.Failed() {
		fmt.Fprintln(os.Stderr, "give a new column an id that was never used, and append it to testdata/field_ids.txt")
	}
}
