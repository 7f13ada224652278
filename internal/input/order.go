package input

import (
	"cmp"
	"slices"
)

// Sort sorts sources, in place, into the order in which they are read: by the
// Region of their keys, then by URI.
func Sort(sources []Source) {
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.URI, b.URI))
	})
}
