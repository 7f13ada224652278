package summarize

import (
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// Preset is a question with a name. Presets answer what the queries answer that
// AWS publishes for results in Athena (aws-samples/amazon-macie-results-analytics):
// of every analysis, and with automated discovery.
type Preset struct {
	Name string
	Doc  string // what it answers
	// Of one that groups.
	By       string
	Measures []query.Measure
	// Of one that lists rows.
	Table   string
	Columns string
	Where   string
}

// typeMeasures are those of the presets by type.
var typeMeasures = []query.Measure{query.Occurrences, query.Findings, query.Sensitive}

// Columns of a preset that lists locations.
const locationColumns = "job_id,bucket_name,object_key,archive_member_path,category,detection_type,location_kind," +
	"cell_row,cell_column,cell_column_name,cell_reference,line_start,line_end,line_start_column," +
	"offset_start,offset_end,offset_start_column,page_number,record_index,json_path"

// Presets returns all presets in their order.
func Presets() []Preset {
	types := func(name, doc, by string) Preset {
		return Preset{Name: name, Doc: doc, By: by + ",category,type", Measures: typeMeasures}
	}
	status := func(name, doc, by string) Preset {
		return Preset{Name: name, Doc: doc, By: by + ",status,reason", Measures: []query.Measure{query.Results}}
	}
	locations := func(name, doc, kind string) Preset {
		return Preset{Name: name, Doc: doc, Table: "occurrences", Columns: locationColumns, Where: "identifier_kind=" + kind}
	}
	return []Preset{
		types("job-types", "category and type of sensitive data by job", "job"),
		types("account-types", "category and type by account", "account"),
		types("bucket-types", "category and type by bucket", "bucket"),
		types("object-types", "category and type by job and object", "job,object"),
		status("job-status", "results by job, status and reason", "job"),
		status("account-status", "results by account, status and reason", "account"),
		status("bucket-status", "results by bucket, status and reason", "bucket"),
		{Name: "job-bytes", Doc: "bytes classified by job", By: "job", Measures: []query.Measure{query.Bytes, query.Results}},
		{
			Name: "object-details", Doc: "every detection with its object, archive members included", Table: "detections",
			Columns: "bucket_name,object_key,archive_member_path,category,detection_type,occurrence_count,location_count,job_id,created_at",
		},
		locations("managed-locations", "every location that managed identifiers found", "managed"),
		locations("custom-locations", "every location that custom identifiers found", "custom"),
	}
}

// PresetNamed returns the preset of that name, and whether there is one.
func PresetNamed(name string) (Preset, bool) {
	presets := Presets()
	i := slices.IndexFunc(presets, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		return Preset{}, false
	}
	return presets[i], true
}

// Lists reports whether the preset lists rows, as opposed to grouping.
func (p *Preset) Lists() bool { return p.Table != "" }

// by returns the dimensions of a preset that groups.
func (p *Preset) by() []query.Dimension { return dimensions(p.By) }

// columns returns the table of a preset that lists, and the columns of it.
func (p *Preset) columns() (*schema.Table, []schema.Column) {
	tables := schema.Tables()
	t := tables[slices.IndexFunc(tables, func(t *schema.Table) bool { return t.Name == p.Table })]
	var columns []schema.Column
	for name := range strings.SplitSeq(p.Columns, ",") {
		c, ok := t.Column(name)
		if !ok {
			panic("no column " + name) // presets are constants
		}
		columns = append(columns, c)
	}
	return t, columns
}

// PresetTable returns all presets as a table.
func PresetTable() (columns []text.Column, rows [][]text.Cell) {
	for _, p := range Presets() {
		rows = append(rows, []text.Cell{text.Of(p.Name), text.Of(p.Doc)})
	}
	return []text.Column{{Name: "preset"}, {Name: "answers"}}, rows
}
