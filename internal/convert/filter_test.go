package convert

import (
	"fmt"
	"slices"
	"testing"

	"github.com/macielake/macielake/internal/state"
)

// What a filter leaves out is a record of its object, but a row of no table, and
// a field it has isn't in any.
func TestFilteredRun(t *testing.T) {
	dir := write(t, map[string][]byte{
		"a.jsonl": []byte(`{"id":"a","region":"e","future":1}` + "\n" + `{"id":"b","region":"w","other":1}` + "\n" + "{\n\n"),
		"b.jsonl": []byte(`{"id":"c","region":"w"}` + "\n"),
	})
	o := testOptions(t, dir)
	o.Filter.Regions = []string{"e"}
	s := convertAll(t, o)
	if s.Records != 3 || s.Filtered != 2 || s.Rows["results"] != 1 || s.Rejects.Lines != 1 || s.Blank != 1 {
		t.Errorf("%+v", s)
	}
	objects := readReceipts(t, o.Out.URI("."))[0].Sources
	if a, b := objects[0], objects[1]; a.Filtered != 1 || a.Records != 2 || b.Filtered != 1 || b.Records != 1 {
		t.Errorf("%+v", objects)
	}
	// Unknown fields are counted in all records that were read.
	if got := fmt.Sprint(s.UnknownFields); got != "map[future:1 other:1]" {
		t.Errorf("unknown fields: %s", got)
	}
	d, err := state.Load(t.Context(), o.Out)
	if err != nil || !slices.Equal(d.Filter.Regions, []string{"e"}) {
		t.Errorf("dataset.json has the filter %+v, %v", d.Filter, err)
	}
}
