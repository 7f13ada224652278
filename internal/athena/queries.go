package athena

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Query is a ready-made query that answers a question about a dataset.
type Query struct {
	Name    string
	Answers string // the question, one line
	Params  []Param
	needs   []string // tables
}

// Param is a parameter of a query. Each has a default.
type Param struct {
	Name    string
	Doc     string // meaning and default, separated by a semicolon
	integer bool
}

// MissingTableError says that a query needs a table that the dataset does not have.
type MissingTableError struct{ Query, Table string }

func (e *MissingTableError) Error() string {
	return fmt.Sprintf("%s needs the table %s, which the dataset does not have", e.Query, e.Table)
}

// ParamError says that a query has no such parameter, or that a value is invalid.
type ParamError struct{ message string }

func (e *ParamError) Error() string { return e.message }

// Queries returns all queries. The first ones count every analysis and answer the
// questions of AWS's samples (github.com/aws-samples/amazon-macie-results-analytics);
// the others describe the current state.
func Queries() []Query {
	results, detections := []string{"results"}, []string{"detections"}
	both := []string{"results", "detections"}
	all := []string{"results", "detections", "occurrences"}
	job := []Param{{Name: "job", Doc: "ID of a job; the one with the newest result"}}
	return []Query{
		{"types_by_job", "Which categories and types did each job find, and how often?", nil, detections},
		{"types_by_account", "Which categories and types are in each account, and how often?", nil, detections},
		{"types_by_bucket", "Which categories and types are in each bucket, and how often?", nil, detections},
		{"types_by_object", "Which categories and types did each job find in each object, and how often?", nil, detections},
		{"types_of_job", "Which categories and types did one job find, and how often?", job, detections},
		{"types_of_job_by_object", "Which categories and types did one job find in each object, and how often?", job, detections},
		{"status_by_job", "How did the analyses of each job end, and why?", nil, results},
		{"status_by_account", "How did the analyses in each account end, and why?", nil, results},
		{"status_by_bucket", "How did the analyses in each bucket end, and why?", nil, results},
		{"status_of_job", "How did the analyses of one job end, and why?", job, results},
		{"bytes_by_job", "How many bytes did each job analyse?", nil, results},
		{"bytes_of_job", "How many bytes did one job analyse?", job, results},
		{"object_details", "What was found in each object, and in each file inside an archive?", nil, detections},
		{"managed_locations", "Where did managed data identifiers match in one job?", job, []string{"occurrences"}},
		{"custom_locations", "Where did custom data identifiers match in one job?", job, []string{"occurrences"}},

		{"exposure", "Which objects with sensitive data are, or may be, public or unencrypted?", nil, both},
		{"capped", "Where did Macie count more sensitive data than it gave locations for?", nil, both},
		{"coverage", "How much was analysed, what was not, and why?", nil, results},
		{"change", "What changed between two jobs, or two months, in objects that both analyzed?", []Param{
			{Name: "before", Doc: "ID of a job, or a month such as 2026-10; the month before the newest"},
			{Name: "after", Doc: "ID of a job, or a month such as 2026-11; the newest month"},
		}, both},
		{"sensitive_columns", "Which columns and fields are sensitive throughout a table?", nil, all},
		{"custom_identifiers", "How much does each custom data identifier find?", nil, both},
		{"archive_members", "Which files inside archives hold sensitive data?", nil, both},
		{"prefixes_of_type", "Which prefixes hold one type of sensitive data?", []Param{
			{Name: "type", Doc: "a type, such as CREDIT_CARD_NUMBER; the one found most often"},
			{Name: "depth", Doc: "levels of a prefix, 1 to 20; 2", integer: true},
		}, both},

		{"completeness", "Do the tables show every row that the committed runs wrote?", nil, nil},
	}
}

// FindQuery returns the query with that name; false if there is none.
func FindQuery(name string) (Query, bool) {
	for _, q := range Queries() {
		if q.Name == name {
			return q, true
		}
	}
	return Query{}, false
}

const maxDepth = 20

// SQL returns the query's statement, without a semicolon. Parameters that are not in
// params have their defaults. The error may be a *MissingTableError, *ParamError or
// *TargetError.
func (q Query) SQL(l *Layout, t Target, params map[string]string) (string, error) {
	if err := t.checkDatabase(); err != nil {
		return "", err
	}
	if table := l.missing(q.needs); table != "" {
		return "", &MissingTableError{Query: q.Name, Table: table}
	}
	for name, value := range params {
		if err := q.checkParam(name, value); err != nil {
			return "", err
		}
	}
	return renderer{layout: l, target: t, params: params}.render("queries", q.Name)
}

func (q Query) checkParam(name, value string) error {
	i := slices.IndexFunc(q.Params, func(p Param) bool { return p.Name == name })
	if i < 0 {
		var names []string
		for _, p := range q.Params {
			names = append(names, p.Name)
		}
		if len(names) == 0 {
			return &ParamError{fmt.Sprintf("%s has no parameters", q.Name)}
		}
		return &ParamError{fmt.Sprintf("%s has no parameter %q; its parameters are %s", q.Name, name, strings.Join(names, ", "))}
	}
	if q.Params[i].integer {
		if n, err := strconv.Atoi(value); err != nil || n < 1 || n > maxDepth || strconv.Itoa(n) != value {
			return &ParamError{fmt.Sprintf("the parameter %s must be a number from 1 to %d", name, maxDepth)}
		}
	}
	return nil
}
