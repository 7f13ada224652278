package input

import (
	"cmp"
	"slices"
)

// Sort puts sources in the order in which they are read: by region, as their
// keys show it, then by URI.
func Sort(sources []Source) {
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Region, b.Region), cmp.Compare(a.URI, b.URI))
	})
}
