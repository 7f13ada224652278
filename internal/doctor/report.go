package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/text"
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

// WriteText writes the report for people; nothing of what was found can move a
// terminal's cursor. Policies are left out where they aren't wanted, and those of
// Macie's repositories where nothing is wrong with them.
func (r *Report) WriteText(w io.Writer, policies bool) error {
	var b strings.Builder
	for i, s := range r.Sections {
		if i > 0 {
			b.WriteByte('\n')
		}
		line(&b, "%s", strings.TrimSpace(s.Subject+"  "+s.URI))
		for _, c := range s.Checks {
			line(&b, "  %-9s  %-15s  %s", words(string(c.State)), words(c.Name), c.Detail)
			if c.Fix != "" {
				line(&b, "  %-9s  %-15s  -> %s", "", "", c.Fix)
			}
		}
		if s.Subject == inputSubject && r.Layout != nil {
			r.Layout.writeText(&b)
		}
	}
	if policies && r.Policies != nil {
		r.Policies.writeText(&b, r.count(Failed)+r.count(NotKnown) > 0)
	}
	line(&b, "")
	line(&b, "%s", r.verdict())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) verdict() string {
	failed, unknown := r.count(Failed), r.count(NotKnown)
	switch {
	case failed > 0:
		return fmt.Sprintf("%d of %s failed, %d not known", failed, counted(int64(failed+unknown+r.count(OK)), "check"), unknown)
	case unknown > 0:
		return fmt.Sprintf("nothing failed, %d not known", unknown)
	}
	return "all is well"
}

// line writes a line whose arguments may hold anything.
func line(b *strings.Builder, format string, args ...any) {
	b.WriteString(text.Printable(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")))
	b.WriteByte('\n')
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func (p *Policies) writeText(b *strings.Builder, wrong bool) {
	grant := func(name string, g *policy.Grant) {
		if g == nil {
			return
		}
		if g.IAM != nil {
			document(b, name+": IAM policy", g.IAM)
		}
		for _, k := range g.KMS {
			document(b, name+": to be added to the policy of the key "+k.Key+" unless that leaves it to IAM", k.Policy)
		}
	}
	grant("writer, for convert", p.Writer)
	grant("reader of the tables", p.Reader)
	grant("maintenance, which alone removes anything", p.Maintenance)
	if !wrong {
		return
	}
	if p.Auditor != nil {
		document(b, "auditor, for this checklist: IAM policy", p.Auditor)
	}
	for _, r := range p.Repositories {
		document(b, "Macie: policy of the bucket "+r.Bucket, r.Policy)
		document(b, "Macie: to be added to the policy of the key "+r.KMS.Key, r.KMS.Policy)
	}
}

func document(b *strings.Builder, title string, d *policy.Document) {
	line(b, "")
	line(b, "# %s", title)
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(d) // a Builder and our own types don't fail
	for l := range strings.Lines(out.String()) {
		line(b, "%s", strings.TrimSuffix(l, "\n"))
	}
}
