package main

import (
	"errors"

	"github.com/macielake/macielake/internal/athena"
)

// classifyAthena returns the exit code and hint of an error of ddl or queries; ok is false for others.
func classifyAthena(err error) (code int, hint string, ok bool) {
	var (
		target      *athena.TargetError
		param       *athena.ParamError
		missing     *athena.MissingTableError
		notParquet  *athena.FormatError
		columns     *athena.VersionError
		noQuery     *noQueryError
		notEmptyDir *splitError
	)
	switch {
	case errors.As(err, &target):
		return exitUsage, "see 'macielake help ddl'", true
	case errors.As(err, &param):
		return exitUsage, "'macielake queries DATASET' lists the queries and their parameters", true
	case errors.As(err, &noQuery):
		return exitNotFound, "'macielake queries DATASET' lists the queries", true
	case errors.As(err, &missing):
		return exitNotFound, "convert with that table: --tables names those to write, all by default", true
	case errors.As(err, &notParquet):
		return exitFailed, "convert with --format parquet", true
	case errors.As(err, &columns):
		return exitFailed, "convert anew with this version, or use the version that converted", true
	case errors.As(err, &notEmptyDir):
		return exitFailed, "name a new or empty directory with --split", true
	}
	return 0, "", false
}
