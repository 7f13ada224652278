package doctor

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/keylayout"
)

// Layout is what the names of an input's objects say.
type Layout struct {
	Objects  int64 `json:"objects"` // that are results by their names
	Bytes    int64 `json:"bytes"`   // stored
	Smallest int64 `json:"smallest"`
	Largest  int64 `json:"largest"`
	Skipped  int64 `json:"skipped"` // other objects
	// Truncated says that the listing was ended at the limit: there is more
	// than is counted here.
	Truncated bool `json:"truncated"`
	// Oldest and Newest are when results were last modified.
	Oldest   *time.Time `json:"oldest"`
	Newest   *time.Time `json:"newest"`
	Accounts []Group    `json:"accounts"` // of Macie's administrator, as keys name them
	Regions  []Group    `json:"regions"`
	// Jobs counts the jobs that keys name; JobObjects are theirs. What is left is
	// of automated discovery, or its key doesn't say.
	Jobs       int   `json:"jobs"`
	JobObjects int64 `json:"job_objects"`

	accounts, regions map[string]*Group
	jobs              map[string]bool
}

// Group is the objects that have something in common.
type Group struct {
	Name    string `json:"name"` // empty where the key doesn't say
	Objects int64  `json:"objects"`
	Bytes   int64  `json:"bytes"`
}

func newLayout() *Layout {
	return &Layout{accounts: map[string]*Group{}, regions: map[string]*Group{}, jobs: map[string]bool{}}
}

func (l *Layout) add(s *input.Source) {
	size := max(0, s.Size)
	if l.Objects == 0 || size < l.Smallest {
		l.Smallest = size
	}
	l.Largest = max(l.Largest, size)
	l.Objects++
	l.Bytes += size
	if s.LastModified != 0 {
		at := time.UnixMicro(s.LastModified).UTC()
		if l.Oldest == nil || at.Before(*l.Oldest) {
			l.Oldest = &at
		}
		if l.Newest == nil || at.After(*l.Newest) {
			l.Newest = &at
		}
	}
	count(l.accounts, s.AdminAccountID, size)
	count(l.regions, s.Region, size)
	if key, _ := keylayout.Parse(s.URI); key.Job != "" {
		l.jobs[key.Job] = true
		l.JobObjects++
	}
}

func count(groups map[string]*Group, name string, size int64) {
	g := groups[name]
	if g == nil {
		g = &Group{Name: name}
		groups[name] = g
	}
	g.Objects++
	g.Bytes += size
}

// end sorts what was counted: the largest first.
func (l *Layout) end() {
	l.Accounts, l.Regions = sorted(l.accounts), sorted(l.regions)
	l.Jobs = len(l.jobs)
}

func sorted(groups map[string]*Group) []Group {
	out := make([]Group, 0, len(groups))
	for g := range maps.Values(groups) {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Objects, a.Objects), cmp.Compare(a.Name, b.Name))
	})
	return out
}
