package athena

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/macielake/macielake/internal/state"
)

//go:embed sql
var sqlFiles embed.FS

// renderer makes SQL of the templates in sql/.
type renderer struct {
	layout *Layout
	target Target
	params map[string]string // of a query
}

// render returns the SQL of a template, dir/name.
func (r renderer) render(dir, name string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Funcs(r.functions()).
		ParseFS(sqlFiles, "sql/common.sql", "sql/"+dir+"/"+name+".sql")
	if err != nil {
		return "", fmt.Errorf("parsing the template of %s: %w", name, err)
	}
	var out strings.Builder
	if err := t.ExecuteTemplate(&out, name+".sql", nil); err != nil {
		return "", fmt.Errorf("making %s: %w", name, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// functions are what templates call.
func (r renderer) functions() template.FuncMap {
	duck := r.target.Dialect == DuckDB
	return template.FuncMap{
		// The names of tables and views.
		"table": r.target.name,
		"has":   func(table string) bool { return r.layout.Table(table) != nil },
		// The tables that hold results: all but runs.
		"data": func() []string {
			var names []string
			for _, t := range r.layout.Tables {
				if t.Name != state.RunsTable {
					names = append(names, t.Name)
				}
			}
			return names
		},
		// The columns of a table but those named, with a prefix.
		"columns": func(table, prefix string, but ...string) string {
			var names []string
			for _, c := range r.layout.Table(table).Columns {
				if !slices.Contains(but, c.Name) {
					names = append(names, prefix+c.Name)
				}
			}
			return strings.Join(names, ", ")
		},
		// A query's parameter, or what stands for one that isn't given.
		"param": func(name, otherwise string) string {
			if value, ok := r.params[name]; ok {
				return literal(value)
			}
			return otherwise
		},
		"number": func(name, otherwise string) string {
			if value, ok := r.params[name]; ok {
				return value // it was checked
			}
			return otherwise
		},

		// What the dialects write differently.

		// The month of a time, as 2026-11.
		"month": func(column string) string {
			if duck { // times have a zone, and there may be no ICU
				return "strftime(make_timestamp(epoch_us(" + column + ")), '%Y-%m')"
			}
			return "date_format(" + column + ", '%Y-%m')"
		},
		// The distinct values of a group as one text.
		"list": func(column string) string {
			if duck {
				return "string_agg(DISTINCT " + column + ", ', ' ORDER BY " + column + ")"
			}
			return "array_join(array_agg(DISTINCT " + column + " ORDER BY " + column + ") FILTER (WHERE " + column + " IS NOT NULL), ', ')"
		},
		// A text with all matches of a pattern replaced.
		"replace": func(column, pattern, by string) string {
			if duck {
				return "regexp_replace(" + column + ", " + literal(pattern) + ", " + literal(by) + ", 'g')"
			}
			return "regexp_replace(" + column + ", " + literal(pattern) + ", " + literal(by) + ")"
		},
	}
}
