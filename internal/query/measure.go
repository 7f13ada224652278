package query

import (
	"fmt"
	"slices"

	"github.com/macielake/macielake/internal/nearest"
)

// Measure is a figure of a group.
type Measure uint8

// Measures. Where every result counts, each is a subject of its own.
const (
	Occurrences Measure = iota // Macie's true counts
	Locations                  // that Macie reported
	Unlocated                  // occurrences without a location
	Findings                   // open findings
	Confirmed                  // of those, findings of the standing content
	Unconfirmed                // of those, findings of replaced content
	Sensitive                  // subjects with open findings
	Objects                    // subjects that were analysed
	Partial                    // of those, the ones that were analysed in part
	Skipped                    // subjects that were not analysed, or not as they are now
	Gone                       // subjects that are gone
	Bytes                      // that were analysed
	Subjects                   // objects and, where they are asked for, members
	Results                    // results about the subjects

	numMeasures
)

var measures = [numMeasures]struct{ name, doc string }{
	{"occurrences", "occurrences of sensitive data, as Macie counted them"},
	{"locations", "locations that Macie reported, at most 1,000 per type in a result"},
	{"unlocated", "occurrences without a location"},
	{"findings", "open findings: subjects and the identifiers that matched in them"},
	{"confirmed", "findings of the content that was analysed last"},
	{"unconfirmed", "open findings of replaced content"},
	{"sensitive_objects", "objects with open findings"},
	{"objects", "objects that were analysed, wholly or in part"},
	{"partial_objects", "objects that were analysed in part"},
	{"skipped_objects", "objects that were not analysed, or not as they are now"},
	{"gone_objects", "objects that are gone"},
	{"bytes", "bytes that were analysed"},
	{"subjects", "objects, analysed or not, and members where they are asked for"},
	{"results", "results about the subjects"},
}

// AllMeasures returns all measures in their order.
func AllMeasures() []Measure {
	all := make([]Measure, numMeasures)
	for i := range all {
		all[i] = Measure(i)
	}
	return all
}

// String returns the measure's name.
func (m Measure) String() string { return measures[m].name }

// Doc says in a line what the measure counts.
func (m Measure) Doc() string { return measures[m].doc }

// ofFindings reports whether the measure counts findings or what they have.
func (m Measure) ofFindings() bool { return m <= Sensitive }

// ParseMeasure returns the measure of that name.
func ParseMeasure(name string) (Measure, error) {
	i := slices.IndexFunc(measures[:], func(m struct{ name, doc string }) bool { return m.name == name })
	if i < 0 {
		names := make([]string, numMeasures)
		for i, m := range measures {
			names[i] = m.name
		}
		return 0, fmt.Errorf("unknown measure %q: %s", name, nearest.Suggestion(name, names))
	}
	return Measure(i), nil
}
