package change

import (
	"regexp"
	"sync"
)

// generalised are the parts of a key that differ between objects of one place: UUIDs,
// dates, and other runs of digits.
var generalised = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9]{4}([-/_])(?:0[1-9]|1[0-2])[-/_](?:0[1-9]|[12][0-9]|3[01])|[0-9]+`)
})

// place returns a key with UUIDs, dates and runs of digits replaced by {uuid}, {date} and
// {n}: what the objects that one program writes day by day have in common.
func place(key string) string {
	return generalised().ReplaceAllStringFunc(key, func(part string) string {
		switch {
		case len(part) == 36 && part[8] == '-':
			return "{uuid}"
		case len(part) == 10 && (part[4] < '0' || part[4] > '9'):
			return "{date}"
		}
		return "{n}"
	})
}
