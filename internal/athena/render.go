package athena

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/state"
)

//go:embed sql
var sqlFiles embed.FS

// renderer renders the SQL templates in sql/.
type renderer struct {
	layout *Layout
	target Target
	params map[string]string // of a query, checked
}

// render returns the SQL of the template sql/DIR/NAME.sql.
func (r renderer) render(dir, name string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Funcs(r.functions()).
		ParseFS(sqlFiles, "sql/common.sql", "sql/"+dir+"/"+name+".sql")
	if err != nil {
		return "", fmt.Errorf("parsing the template of %s: %w", name, err)
	}
	var out strings.Builder
	if err := t.ExecuteTemplate(&out, name+".sql", nil); err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	return strings.TrimSpace(out.String()), nil
}

// functions returns the functions that templates call.
func (r renderer) functions() template.FuncMap {
	duck := r.target.Dialect == DuckDB
	return template.FuncMap{
		// The quoted name of a table or view.
		"table": r.target.name,
		"has":   func(table string) bool { return r.layout.Table(table) != nil },
		// The dataset's tables except runs.
		"data": func() []string {
			var names []string
			for _, t := range r.layout.Tables {
				if t.Name != state.RunsTable {
					names = append(names, t.Name)
				}
			}
			return names
		},
		// The columns of a table, each after a prefix, except some. bucket_* excludes
		// all columns that begin with bucket_.
		"columns": func(table, prefix string, except ...string) string {
			var names []string
			for _, c := range r.layout.Table(table).Columns {
				matches := func(name string) bool {
					start, all := strings.CutSuffix(name, "*")
					return name == c.Name || all && strings.HasPrefix(c.Name, start)
				}
				if !slices.ContainsFunc(except, matches) {
					names = append(names, prefix+c.Name)
				}
			}
			return strings.Join(names, ", ")
		},
		// The value of a query's parameter, or its default.
		"param": func(name, otherwise string) string {
			if value, ok := r.params[name]; ok {
				return literal(value)
			}
			return otherwise
		},
		"number": func(name, otherwise string) string {
			if value, ok := r.params[name]; ok {
				return value // checkParam made sure that it is a number
			}
			return otherwise
		},

		// Whether rows of two tables have the same bucket. Absent values are equal.
		"same": func(a, b string) string {
			var terms []string
			for _, column := range []string{"aws_partition", "bucket_name"} {
				x, y := a+"."+column, b+"."+column
				terms = append(terms, fmt.Sprintf("coalesce(%s, '') = coalesce(%s, '') AND (%s IS NULL) = (%s IS NULL)", x, y, x, y))
			}
			return strings.Join(terms, " AND ")
		},
		"bareID": bareID,
		// The identifier of a detection and the origin of a result, as unambiguous
		// texts that are never null: the length precedes a text of arbitrary content.
		"identifier": func(prefix string) string {
			return fmt.Sprintf("%[1]sidentifier_kind || ' ' || %[2]s || coalesce(':' || CASE WHEN %[1]sidentifier_kind = 'custom' THEN coalesce(%[3]s, %[1]sdetection_type) ELSE %[1]sdetection_type END, '-')",
				prefix, sized(prefix+"category"), bareID(prefix+"custom_identifier_arn"))
		},
		"origin": func(prefix string) string {
			return fmt.Sprintf("coalesce('job ' || %[1]sjob_id, 'discovery ' || %[2]s || coalesce(':' || %[1]sregion, '-'))",
				prefix, sized("coalesce("+prefix+"admin_account_id, "+prefix+"account_id)"))
		},
		// The severity that AWS publishes for a type and a count.
		"typeSeverity": typeSeverity,
		// A number whose sums can't overflow.
		"number_of": func(column string) string { return "CAST(" + column + " AS decimal(38, 0))" },

		// The dialects differ in the functions below.

		// The month of a time, as 2026-11.
		"month": func(column string) string {
			if duck { // it formats times with a zone only with the ICU extension
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

// bareID returns the ID of a custom identifier, for which Macie writes an ARN or an ID.
func bareID(column string) string { return "regexp_extract(" + column + ", '[^/]*$')" }

// sized returns a text after its length, such as 4:text; - for an absent one.
func sized(column string) string {
	return fmt.Sprintf("coalesce(CAST(length(%s) AS varchar) || ':' || %[1]s, '-')", column)
}

// typeSeverity returns the severity of a count of a managed identifier, from the table
// in awsvalues.
func typeSeverity(kind, typ, count string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "CASE WHEN %s <> 'managed' OR %s < 1 THEN NULL", kind, count)
	for _, g := range awsvalues.Groups() {
		types := make([]string, len(g.Types))
		for i, name := range g.Types {
			types[i] = literal(name)
		}
		fmt.Fprintf(&out, "\n    WHEN %s IN (%s) THEN ", typ, strings.Join(types, ", "))
		if s := g.Severities; s[0] == s[1] && s[1] == s[2] {
			out.WriteString(literal(s[0].String()))
		} else {
			fmt.Fprintf(&out, "CASE WHEN %s < %d THEN %s WHEN %s < %d THEN %s ELSE %s END",
				count, awsvalues.FromSecond, literal(s[0].String()), count, awsvalues.FromThird, literal(s[1].String()), literal(s[2].String()))
		}
	}
	out.WriteString(" END")
	return out.String()
}
