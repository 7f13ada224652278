package doctor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/text"
)

// Document is the report for people, with the policies if they are wanted. Those
// of Macie's repositories are only in it where something is wrong with them.
func (r *Report) Document(policies bool) *text.Document {
	p := page{&text.Document{}}
	for i, s := range r.Sections {
		if i > 0 {
			p.Gap()
		}
		p.line("%s", strings.TrimSpace(s.Subject+"  "+s.URI))
		for _, c := range s.Checks {
			p.line("  %-9s  %-15s  %s", words(string(c.State)), words(c.Name), c.Detail)
			if c.Fix != "" {
				p.line("  %-9s  %-15s  -> %s", "", "", c.Fix)
			}
		}
		if s.Subject == inputSubject && r.Layout != nil {
			p.layout(r.Layout)
		}
	}
	if policies && r.Policies != nil {
		p.policies(r.Policies, r.count(Failed)+r.count(NotKnown) > 0)
	}
	p.Gap()
	p.line("%s", r.verdict())
	return p.Document
}

func (r *Report) verdict() string {
	failed, unknown := r.count(Failed), r.count(NotKnown)
	switch {
	case failed > 0:
		return fmt.Sprintf("%d of %s failed, %d not known", failed, counted(int64(failed+unknown+r.count(OK)), "check"), unknown)
	case unknown > 0:
		return fmt.Sprintf("nothing failed, %d not known", unknown)
	}
	return "every check passed"
}

// page is a document in the making.
type page struct{ *text.Document }

func (p page) line(format string, args ...any) {
	p.Verbatim(strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; "))
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func (p page) policies(all *Policies, wrong bool) {
	grant := func(name string, g *policy.Grant) {
		if g == nil {
			return
		}
		if g.IAM != nil {
			p.policy(name+": IAM policy", g.IAM)
		}
		for _, k := range g.KMS {
			p.policy(name+": to be added to the policy of the key "+k.Key+" unless that leaves it to IAM", k.Policy)
		}
	}
	grant("writer, for convert", all.Writer)
	grant("reader of the tables", all.Reader)
	grant("maintenance, which alone removes anything", all.Maintenance)
	if !wrong {
		return
	}
	if all.Auditor != nil {
		p.policy("auditor, for this checklist: IAM policy", all.Auditor)
	}
	for _, r := range all.Repositories {
		p.policy("Macie: policy of the bucket "+r.Bucket, r.Policy)
		p.policy("Macie: to be added to the policy of the key "+r.KMS.Key, r.KMS.Policy)
	}
}

func (p page) policy(title string, d *policy.Document) {
	p.Gap()
	p.line("# %s", title)
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(d) // a Builder and our own types don't fail
	p.Verbatim(out.String())
}

func (p page) layout(l *Layout) {
	row := func(name, format string, args ...any) {
		p.line("  %-9s  %-15s  %s", "", name, fmt.Sprintf(format, args...))
	}
	row("accounts", "%s", groups(l.Accounts))
	row("regions", "%s", groups(l.Regions))
	row("jobs", "%s with %s; %s of automated discovery, or whose key doesn't say",
		text.Count(int64(l.Jobs)), counted(l.JobObjects, "result"), counted(l.Objects-l.JobObjects, "result"))
	if l.Objects > 0 {
		row("sizes", "%s to %s, %s on average", text.Bytes(l.Smallest), text.Bytes(l.Largest), text.Bytes(l.Bytes/l.Objects))
	}
	if l.Oldest != nil {
		row("written", "%s to %s", l.Oldest.Format(time.RFC3339), l.Newest.Format(time.RFC3339))
	}
}

// counted is a number of things.
func counted(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return text.Count(n) + " " + thing
}

// maxNamed is how many groups are named for people.
const maxNamed = 6

func groups(all []Group) string {
	var b strings.Builder
	for i, g := range all {
		if i == maxNamed {
			fmt.Fprintf(&b, ", and %s more", text.Count(int64(len(all)-maxNamed)))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s (%s)", cmp.Or(text.Short(g.Name), "not in the key"), text.Count(g.Objects))
	}
	return b.String()
}
