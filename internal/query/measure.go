package query

import (
	"fmt"
	"slices"
	"strings"
)

// Measure is a figure of a group.
type Measure uint8

// Measures. An object is what an analysis is of: an S3 object, or with members
// also a file inside an archive. Without the current rule each result is an
// object of its own.
const (
	Occurrences Measure = iota // Macie's true counts
	Locations                  // that Macie reported
	Detections                 // types of sensitive data, once for each object
	Sensitive                  // objects that have detections
	Capped                     // detections with more occurrences than Macie reports locations
	Objects                    // objects that were analysed
	Partial                    // of those, the ones that were analysed in part
	Skipped                    // objects that were not analysed, or not as they are now
	Bytes                      // that were analysed
	Results                    // objects, analysed or not

	numMeasures
)

var measures = [numMeasures]struct{ name, doc string }{
	{"occurrences", "occurrences of sensitive data, as Macie counted them"},
	{"locations", "locations that Macie reported, at most 1,000 of a type in an object"},
	{"detections", "types of sensitive data, counted once for each object"},
	{"sensitive", "objects with sensitive data"},
	{"capped", "detections that have more occurrences than reported locations"},
	{"objects", "objects that were analysed, wholly or in part"},
	{"partial", "objects that were analysed in part"},
	{"skipped", "objects that were not analysed, or not as they are now"},
	{"bytes", "bytes that were analysed"},
	{"results", "objects, analysed or not"},
}

// Measures returns all measures in their order.
func Measures() []Measure {
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

// ParseMeasure returns the measure of that name.
func ParseMeasure(name string) (Measure, error) {
	i := slices.IndexFunc(measures[:], func(m struct{ name, doc string }) bool { return m.name == name })
	if i < 0 {
		names := make([]string, numMeasures)
		for i, m := range measures {
			names[i] = m.name
		}
		return 0, fmt.Errorf("there is no measure %q; there are %s", name, strings.Join(names, ", "))
	}
	return Measure(i), nil
}
