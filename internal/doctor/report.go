package doctor

import (
	"fmt"

	"github.com/macielake/macielake/internal/policy"
)

// State is what came of a check.
type State string

// States of checks.
const (
	OK     State = "ok"
	Failed State = "failed"
	// NotKnown is of what could not be looked at: the detail says why.
	NotKnown State = "not_known"
)

// Check is one line of the checklist.
type Check struct {
	Name   string `json:"name"` // list, get, decrypt, …
	State  State  `json:"state"`
	Detail string `json:"detail"`        // what was found
	Fix    string `json:"fix,omitempty"` // what to do about it
}

// Section is the checks of one thing.
type Section struct {
	Subject string  `json:"subject"` // what is looked at, and as what: "input", "output", "macie"
	URI     string  `json:"uri,omitempty"`
	Checks  []Check `json:"checks"`
}

// Report is what was found.
type Report struct {
	// OK is true where no check failed.
	OK       bool       `json:"ok"`
	Sections []*Section `json:"sections"`
	Layout   *Layout    `json:"layout,omitempty"` // of the input
	Policies *Policies  `json:"policies,omitempty"`
}

// Policies are the smallest that would do. Those that make no sense for what was
// looked at are nil.
type Policies struct {
	Writer      *policy.Grant `json:"writer,omitempty"`
	Reader      *policy.Grant `json:"reader,omitempty"`
	Maintenance *policy.Grant `json:"maintenance,omitempty"`
	// Of the repositories that Macie writes to:
	Auditor      *policy.Document   `json:"auditor,omitempty"`
	Repositories []RepositoryPolicy `json:"repositories,omitempty"`
}

// RepositoryPolicy is what a bucket's and a key's policy should say so that
// Macie can write results there.
type RepositoryPolicy struct {
	Bucket string           `json:"bucket"`
	Policy *policy.Document `json:"policy"`
	KMS    policy.KeyGrant  `json:"kms"`
}

func (r *Report) section(subject, uri string) *Section {
	s := &Section{Subject: subject, URI: uri, Checks: []Check{}}
	r.Sections = append(r.Sections, s)
	return s
}

func (s *Section) ok(name, format string, args ...any) {
	s.Checks = append(s.Checks, Check{Name: name, State: OK, Detail: fmt.Sprintf(format, args...)})
}

func (s *Section) failed(name, fix, format string, args ...any) {
	s.Checks = append(s.Checks, Check{Name: name, State: Failed, Detail: fmt.Sprintf(format, args...), Fix: fix})
}

func (s *Section) notKnown(name, fix, format string, args ...any) {
	s.Checks = append(s.Checks, Check{Name: name, State: NotKnown, Detail: fmt.Sprintf(format, args...), Fix: fix})
}

// count is how many checks are in a state.
func (r *Report) count(state State) int {
	n := 0
	for _, s := range r.Sections {
		for _, c := range s.Checks {
			if c.State == state {
				n++
			}
		}
	}
	return n
}
