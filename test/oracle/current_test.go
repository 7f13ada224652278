package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/currenttest"
)

var randomDatasets = flag.Int("random", 60, "random datasets to compare with the model")

// buildProgram builds the program once for a test.
func buildProgram(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "macielake")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", name, "./cmd/macielake")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, out)
	}
	return name
}

// The views say of each vector what it says itself.
func TestViewsAgreeWithVectors(t *testing.T) {
	vectors, err := currenttest.Load(filepath.Join("..", "..", "testdata", "current"))
	if err != nil {
		t.Fatal(err)
	}
	var sets [][]currenttest.Result
	for _, v := range vectors {
		sets = append(sets, v.Results)
	}
	for i, subjects := range newViews(t).states(t, sets) {
		if diff := currenttest.Diff(subjects, vectors[i].State); diff != "" {
			t.Errorf("%s\n%s", vectors[i].Name, diff)
		}
	}
}

// The views say of random results what the model says.
func TestViewsAgreeWithModel(t *testing.T) {
	var sets [][]currenttest.Result
	for seed := range uint64(*randomDatasets) {
		sets = append(sets, currenttest.Random(seed))
	}
	for i, subjects := range newViews(t).states(t, sets) {
		if diff := currenttest.Diff(subjects, currenttest.Model(sets[i])); diff != "" {
			t.Errorf("seed %d, %d results\n%s", i, len(sets[i]), diff)
		}
	}
}

// views are the program's views in a DuckDB, over one dataset after the other.
type views struct {
	program string
	duck    *duck
}

func newViews(t *testing.T) *views {
	t.Helper()
	d, err := openDuck(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return &views{buildProgram(t), d}
}

// states converts sets of results and reads the state that the views give of
// each.
func (v *views) states(t *testing.T, sets [][]currenttest.Result) [][]currenttest.Subject {
	t.Helper()
	results := currenttest.Join(sets)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "lake")
	sources, places := currenttest.Lines(results)
	for name, data := range sources {
		name = filepath.Join(in, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := output(t.Context(), v.program, "convert", in, "--out", out, "-q"); err != nil {
		t.Fatal(err)
	}
	ddl, err := output(t.Context(), v.program, "ddl", out, "--dialect", "duckdb")
	if err != nil {
		t.Fatal(err)
	}
	if err := v.duck.exec(t.Context(), ddl); err != nil {
		t.Fatalf("running the DDL: %v", err)
	}
	numbers := make(map[currenttest.Place]int)
	for i, p := range places {
		numbers[p] = i + 1
	}
	subjects, err := v.duck.subjects(t.Context(), in, numbers)
	if err != nil {
		t.Fatal(err)
	}
	split, err := currenttest.Split(subjects, sets)
	if err != nil {
		t.Fatal(err)
	}
	return split
}

// subjects reads the views current_subjects and current_findings. Results have
// numbers by where they are below the directory in.
func (d *duck) subjects(ctx context.Context, in string, numbers map[currenttest.Place]int) ([]currenttest.Subject, error) {
	type place struct {
		uri    string
		line   int64
		member bool
	}
	rows, err := d.conn.QueryContext(ctx, `SELECT source_uri, source_line, is_archive_member, aws_partition, bucket_name, object_key, archive_member_path,
		status_code, not_analyzed_reason, is_gone, is_public, is_unencrypted, severity
		FROM macie.current_subjects ORDER BY is_archive_member`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[place]*currenttest.Subject)
	var objects, members []place
	for rows.Next() {
		var p place
		var partition, bucket, key, path, status, reason, severity *string
		s := &currenttest.Subject{Analysed: "no"}
		if err := rows.Scan(&p.uri, &p.line, &p.member, &partition, &bucket, &key, &path, &status, &reason, &s.Gone, &s.Public, &s.Unencrypted, &severity); err != nil {
			return nil, err
		}
		s.Object = currenttest.Name(partition, bucket, key)
		if status != nil && (*status == "COMPLETE" || *status == "PARTIAL") {
			s.Analysed = strings.ToLower(*status)
		}
		if reason != nil {
			s.NotAnalysed = *reason
		}
		if severity != nil {
			s.Severity = *severity
		}
		rel, err := filepath.Rel(in, p.uri)
		if err != nil {
			return nil, err
		}
		s.Standing = fmt.Sprintf("r%d", numbers[currenttest.Place{Path: filepath.ToSlash(rel), Line: p.line}])
		if all[p] != nil {
			return nil, fmt.Errorf("two subjects stand on %s", s.Standing)
		}
		all[p] = s
		if p.member {
			s.Member = currenttest.Absent
			if path != nil {
				s.Member = *path
			}
			members = append(members, p)
		} else {
			objects = append(objects, p)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	found, err := d.conn.QueryContext(ctx, `SELECT source_uri, source_line, is_archive_member, identifier_kind = 'custom', category, coalesce(custom_identifier_id, detection_type), state,
		CAST(occurrence_count AS VARCHAR), CAST(location_count AS VARCHAR), CAST(unlocated_count AS VARCHAR), coalesce(unlocated_cause, ''), coalesce(type_severity, '')
		FROM macie.current_findings`)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var p place
		var custom bool
		var category, name *string
		var f currenttest.Finding
		if err := found.Scan(&p.uri, &p.line, &p.member, &custom, &category, &name, &f.State,
			(*string)(&f.Count), (*string)(&f.Locations), (*string)(&f.Unlocated), &f.Cause, &f.Severity); err != nil {
			return nil, err
		}
		f.Identifier = currenttest.Identifier(custom, category, name)
		s := all[p]
		switch {
		case s == nil:
			return nil, fmt.Errorf("a finding of no subject: %v", f)
		case f.State == "confirmed" || f.State == "unconfirmed":
			s.Findings = append(s.Findings, f)
		default:
			s.Closed = append(s.Closed, currenttest.Closed{Identifier: f.Identifier, State: f.State})
		}
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	var subjects []currenttest.Subject
	for _, o := range objects {
		for _, m := range members {
			if all[m].Object == all[o].Object {
				all[o].Members = append(all[o].Members, *all[m])
			}
		}
		subjects = append(subjects, *all[o])
	}
	return subjects, nil
}
