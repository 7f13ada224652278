package main

import (
	"errors"
	"strings"

	"github.com/macielake/macielake/internal/athena"
)

// classifyAthena returns the exit code and hint of an error of ddl, queries or
// register; ok is false for others.
func classifyAthena(err error) (code int, hint string, ok bool) {
	var (
		target      *athena.TargetError
		param       *athena.ParamError
		missing     *athena.MissingTableError
		notParquet  *athena.FormatError
		columns     *athena.VersionError
		foreign     *athena.ForeignError
		keys        *athena.PartitionKeysError
		denied      *athena.DeniedError
		query       *athena.QueryError
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
	case errors.As(err, &foreign):
		return exitFailed, "name another database, or take them over with --adopt " + strings.Join(foreign.Names, ","), true
	case errors.As(err, &keys):
		return exitFailed, "drop the table (its data stays where it is) and register again, or name another database", true
	case errors.As(err, &denied):
		if denied.LakeFormation {
			return exitFailed, "grant it in Lake Formation (permissions on the database and its tables, and on the location), or have its administrator do it", true
		}
		return exitFailed, "allow the call in the policies of whoever you are; docs/athena.md lists what is needed", true
	case errors.As(err, &query):
		return exitFailed, "Athena's console shows the execution under its ID", true
	case errors.As(err, &notEmptyDir):
		return exitFailed, "name a new or empty directory with --split", true
	}
	return 0, "", false
}
