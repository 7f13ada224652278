package main

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/currenttest"
)

// loadModel makes the tables m_subjects, m_findings and m_detections of what the
// model says about x_results and x_detections.
func (d *duck) loadModel(ctx context.Context) error {
	results, places, err := d.results(ctx)
	if err != nil {
		return err
	}
	subjects, speakers := currenttest.ModelAt(results, places)
	if err := d.exec(ctx, `CREATE OR REPLACE TEMP TABLE m_subjects (source_uri VARCHAR, source_line BIGINT, is_archive_member BOOLEAN,
			analysed VARCHAR, not_analysed VARCHAR, gone BOOLEAN, public VARCHAR, unencrypted VARCHAR, severity VARCHAR);
		CREATE OR REPLACE TEMP TABLE m_findings (source_uri VARCHAR, source_line BIGINT, is_archive_member BOOLEAN, identifier VARCHAR, state VARCHAR,
			occurrences DECIMAL(38, 0), locations BIGINT, unlocated DECIMAL(38, 0), cause VARCHAR, severity VARCHAR);
		CREATE OR REPLACE TEMP TABLE m_detections (source_uri VARCHAR, source_line BIGINT, detection_index BIGINT, state VARCHAR)`); err != nil {
		return err
	}
	var insert func(s *currenttest.Subject, member bool) error
	insert = func(s *currenttest.Subject, member bool) error {
		number, err := strconv.Atoi(strings.TrimPrefix(s.Standing, "r"))
		if err != nil {
			return err
		}
		at := places[number-1]
		if _, err := d.conn.ExecContext(ctx, `INSERT INTO m_subjects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			at.Path, at.Line, member, s.Analysed, s.NotAnalysed, s.Gone, s.Public, s.Unencrypted, s.Severity); err != nil {
			return err
		}
		finding := func(f currenttest.Finding) error {
			_, err := d.conn.ExecContext(ctx, `INSERT INTO m_findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				at.Path, at.Line, member, f.Identifier, f.State, string(f.Count), string(f.Locations), string(f.Unlocated), f.Cause, f.Severity)
			return err
		}
		for _, f := range s.Findings {
			if err := finding(f); err != nil {
				return err
			}
		}
		for i := range s.Members {
			if err := insert(&s.Members[i], true); err != nil {
				return err
			}
		}
		return nil
	}
	if err := d.exec(ctx, "BEGIN TRANSACTION"); err != nil {
		return err
	}
	for i := range subjects {
		if err := insert(&subjects[i], false); err != nil {
			return err
		}
	}
	for _, s := range speakers {
		at := places[s.Result]
		if _, err := d.conn.ExecContext(ctx, `INSERT INTO m_detections VALUES (?, ?, ?, ?)`, at.Path, at.Line, s.Detection, s.State); err != nil {
			return err
		}
	}
	return d.exec(ctx, "COMMIT")
}

// results reads what the model looks at from x_results and x_detections. A
// result's place is its source's URI.
func (d *duck) results(ctx context.Context) ([]currenttest.Result, []currenttest.Place, error) {
	var results []currenttest.Result
	var places []currenttest.Place
	index := make(map[currenttest.Place]int)
	err := d.each(ctx, `SELECT source_uri, source_line, result_id, created_at, aws_partition, account_id, region, admin_account_id, job_id, bucket_name, object_key,
			is_archive_member, archive_member_path, object_last_modified, object_version_id, status_code, status_reason, severity, CAST(severity_score AS BIGINT),
			bucket_effective_permission, bucket_encryption_type, object_public_access, object_encryption_type
		FROM x_results`, func(rows *sql.Rows) error {
		var r currenttest.Result
		var p currenttest.Place
		var created, modified *time.Time
		if err := rows.Scan(&p.Path, &p.Line, &r.ID, &created, &r.Partition, &r.Account, &r.Region, &r.Admin, &r.Job, &r.Bucket, &r.Key,
			&r.IsMember, &r.Member, &modified, &r.Version, &r.Status, &r.Reason, &r.Severity, &r.Score,
			&r.BucketPublic, &r.BucketEncryption, &r.ObjectPublic, &r.Encryption); err != nil {
			return err
		}
		r.At, r.Modified = stamp(created), stamp(modified)
		index[p] = len(results)
		results, places = append(results, r), append(places, p)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = d.each(ctx, `SELECT source_uri, source_line, identifier_kind = 'custom', category, detection_type, custom_identifier_arn, occurrence_count, location_count
		FROM x_detections ORDER BY source_uri, source_line, detection_index`, func(rows *sql.Rows) error {
		var det currenttest.Detection
		var p currenttest.Place
		if err := rows.Scan(&p.Path, &p.Line, &det.Custom, &det.Category, &det.Type, &det.ARN, &det.Count, &det.Locations); err != nil {
			return err
		}
		i, ok := index[p]
		if !ok {
			return fmt.Errorf("%s:%d has a detection and no result", p.Path, p.Line)
		}
		results[i].Found = append(results[i].Found, det)
		return nil
	})
	return results, places, err
}

// stamp is a time as currenttest reads it.
func stamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := t.UTC().Format(time.RFC3339Nano)
	return &s
}

// each calls do for each row of a query.
func (d *duck) each(ctx context.Context, query string, do func(*sql.Rows) error) error {
	rows, err := d.conn.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
