package query

import (
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/where"
)

// Picker picks values of fields out of subjects and findings. First all fields are
// added, then the state is made with its options. One goroutine uses it.
type Picker struct {
	plan    plan
	sources []source
}

// NewPicker returns a picker of nothing yet. c says whose objects are; nil for nobody's.
func NewPicker(c *config.Config) *Picker { return &Picker{plan: plan{config: c}} }

// Add adds a field by its index in Fields, of a Map with the key, and returns what
// Value takes.
func (p *Picker) Add(field int, key string) int {
	p.sources = append(p.sources, p.plan.source(&fields[field], key))
	return len(p.sources) - 1
}

// Options sets what a state needs for the fields that were added.
func (p *Picker) Options(o *current.Options) {
	o.Columns = p.plan.options()
	o.Severity, o.Exposure = p.plan.needs&severity != 0, p.plan.needs&exposure != 0
}

// Value returns the value that a finding of a subject has, or without a finding the
// subject. What has to be made up is appended to scratch; the rest is valid as long
// as the subject.
func (p *Picker) Value(i int, s *current.Subject, f *current.Finding, scratch *[]byte) where.Value {
	return p.sources[i].value(row{subject: s, finding: f}, scratch)
}
