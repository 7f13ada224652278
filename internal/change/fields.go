package change

import (
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/query"
	"github.com/macielake/macielake/internal/where"
)

// field is a field of filters: of a change, or one of package query's.
type field struct {
	where.Field
	doc   string
	value func(c *Comparison, ch *Change) where.Value // nil for query's
	query int                                         // its index there
}

// fields in the order they are documented: those of changes, and query's but those
// that have another meaning here. It is only read.
var fields = allFields()

func allFields() []field {
	text := func(s string) where.Value {
		if s == "" {
			return where.Value{}
		}
		return where.TextValue([]byte(s))
	}
	list := []field{
		{Field: where.Field{Name: "state", Known: isState}, doc: "new, reappeared, worse, not_seen_again, unchanged, resolved, no_longer_detected or gone",
			value: func(_ *Comparison, ch *Change) where.Value { return text(ch.State.String()) }},
		{Field: where.Field{Name: "cause", Known: func(string) bool { return true }}, doc: "why it is in that state: appeared or first_look of new ones, a sentence of others",
			value: func(_ *Comparison, ch *Change) where.Value { return text(strings.Join(ch.Causes, "; ")) }},
		{Field: where.Field{Name: "confirmed", Kind: where.Bool}, doc: "whether a result of the content that is there now has it",
			value: func(_ *Comparison, ch *Change) where.Value { return where.BoolValue(ch.After.Confirmed) }},
		{Field: where.Field{Name: "first_seen", Kind: where.Time}, doc: "when the oldest result that reports it was created",
			value: func(c *Comparison, _ *Change) where.Value { return known(c.at.finding.FirstSeen) }},
		{Field: where.Field{Name: "last_seen", Kind: where.Time}, doc: "when the newest result that reports it was created",
			value: func(c *Comparison, _ *Change) where.Value { return known(c.at.finding.LastSeen) }},
		{Field: where.Field{Name: "age_days", Kind: where.Int}, doc: "days since first_seen, up to the later point",
			value: func(c *Comparison, _ *Change) where.Value {
				if c.at.finding.FirstSeen == 0 {
					return where.Value{}
				}
				return where.IntValue((c.o.Now.UnixMicro() - c.at.finding.FirstSeen) / microsPerDay)
			}},
	}
	own := len(list)
	docs := query.FieldDocs()
	for i, f := range query.Fields() {
		if !slices.ContainsFunc(list[:own], func(o field) bool { return o.Name == f.Name }) && !query.OfMembers(i) {
			list = append(list, field{Field: f, doc: docs[i].Doc, query: i})
		}
	}
	return list
}

func isState(name string) bool {
	for s := range numStates {
		if s.String() == name {
			return true
		}
	}
	return false
}

const microsPerDay = 24 * 60 * 60 * 1_000_000

func known(at int64) where.Value {
	if at == 0 {
		return where.Value{}
	}
	return where.IntValue(at)
}

// Fields returns what a filter may name, for where.Parse.
func Fields() []where.Field {
	list := make([]where.Field, len(fields))
	for i := range fields {
		list[i] = fields[i].Field
	}
	return list
}

// OfWholeAccounts reports whether a filter on Fields asks for nothing that tells
// findings of an account apart.
func OfWholeAccounts(f *where.Filter) bool {
	return !slices.ContainsFunc(f.Fields(), func(i int) bool {
		return !slices.Contains([]string{"account", "partition", "administrator"}, fields[i].Name)
	})
}

// FieldDocs returns the names and descriptions of the fields of changes alone.
func FieldDocs() [][2]string {
	var docs [][2]string
	for i := range fields {
		if fields[i].value != nil {
			docs = append(docs, [2]string{fields[i].Name, fields[i].doc})
		}
	}
	return docs
}

// queryField returns the index of a field of query's.
func queryField(name string) int {
	return slices.IndexFunc(query.Fields(), func(f where.Field) bool { return f.Name == name })
}
