package s3input

import (
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/s3"
)

// pattern selects the keys of an input.
type pattern struct {
	segments []string // nil for a plain name
	name     string   // plain name of an object or directory, without a slash at its end
	prefix   string   // prefix of all selected keys, except an object called name
}

func newPattern(key string) *pattern {
	meta := strings.IndexAny(key, "*?")
	if meta < 0 {
		p := &pattern{name: strings.TrimSuffix(key, "/")}
		if p.name != "" {
			p.prefix = p.name + "/"
		}
		return p
	}
	return &pattern{segments: strings.Split(strings.TrimSuffix(key, "/"), "/"), prefix: key[:meta]}
}

// notFound returns the error text for a bucket without selected keys.
func (p *pattern) notFound(b *s3.Bucket) string {
	if p.segments != nil {
		return "no keys match " + b.URI(strings.Join(p.segments, "/"))
	}
	return "no keys below " + b.URI(p.prefix)
}

// matches reports whether a key is selected, by itself or by a directory above it.
func (p *pattern) matches(key string) bool {
	if p.segments == nil {
		return p.name == "" || key == p.name || strings.HasPrefix(key, p.name) && key[len(p.name)] == '/'
	}
	return p.matchSegments(key, true)
}

// mayHold reports whether keys below a directory may be selected.
func (p *pattern) mayHold(dir string) bool {
	if p.segments == nil {
		return p.name == "" || strings.HasPrefix(dir, p.name+"/") || strings.HasPrefix(p.name, dir)
	}
	return p.matchSegments(strings.TrimSuffix(dir, "/"), false)
}

// matchSegments compares segment by segment; with all, every segment of the pattern must
// match.
func (p *pattern) matchSegments(key string, all bool) bool {
	segments := strings.Split(key, "/")
	if all && len(segments) < len(p.segments) {
		return false
	}
	for i := range min(len(segments), len(p.segments)) {
		if !matchSegment(p.segments[i], segments[i]) {
			return false
		}
	}
	return true
}

// matchSegment reports whether a text matches a pattern of * and ?. Its time is at most
// proportional to the product of their lengths.
func matchSegment(pattern, text string) bool {
	t := []rune(text)
	star, mark := -1, 0 // the last *, and the end of the text that it stands for
	p := []rune(pattern)
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// mayHold reports whether a directory, judged by its name, may hold wanted results.
func (f *Filter) mayHold(dir string) bool {
	key, ok := keylayout.Parse(dir)
	if !ok {
		return true
	}
	unwanted := func(value string, wanted []string) bool {
		return value != "" && len(wanted) > 0 && !slices.Contains(wanted, value)
	}
	return !(keylayout.IsRegion(key.Region) && unwanted(key.Region, f.Regions)) &&
		!unwanted(key.Job, f.Jobs) && !unwanted(key.Account, f.Accounts)
}

// wants reports whether an object, judged by its key and time, may hold wanted
// results.
func (f *Filter) wants(o s3.Object) bool {
	if f.Since != nil && !o.Modified.IsZero() && o.Modified.Before(*f.Since) {
		return false
	}
	return f.mayHold(o.Key)
}
