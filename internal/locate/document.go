package locate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/text"
)

// shownLocations is how many locations of a finding are listed, unless all are
// asked for.
const shownLocations = 10

// Document returns the answer for people. Long lists of locations are folded unless
// all are asked for. c, if not nil, has names of accounts and jobs.
func (a *Answer) Document(all bool, c *config.Config) *text.Document {
	p := &page{Document: &text.Document{}, all: all, config: c}
	for i := range a.Objects {
		if i > 0 {
			p.Gap()
		}
		p.object(&a.Objects[i])
	}
	return p.Document
}

type page struct {
	*text.Document
	all    bool
	config *config.Config
}

func (p *page) line(level int, s string) { p.Item(level, false, s) }

func (p *page) object(o *Object) {
	p.Item(0, true, o.URI)
	p.line(1, o.Exposure.words())
	var of []string
	if o.Account != nil {
		of = append(of, "account "+p.config.AccountName(*o.Account))
	}
	if o.Owner != nil {
		of = append(of, "owner "+*o.Owner)
	}
	if o.Region != nil {
		of = append(of, *o.Region)
	}
	for _, tags := range []struct {
		what string
		tags map[string]*string
	}{{"tags", o.Tags}, {"bucket tags", o.BucketTags}} {
		if len(tags.tags) > 0 {
			of = append(of, tags.what+" "+tagWords(tags.tags))
		}
	}
	if len(of) > 0 {
		p.line(1, strings.Join(of, ", "))
	}
	p.states(1, o.States, len(o.Members))
	for i := range o.Members {
		m := &o.Members[i]
		p.Gap()
		path := "(no path)"
		if m.Path != nil {
			path = *m.Path
		}
		p.Item(1, true, "in the archive: "+path)
		p.states(2, m.States, 0)
	}
}

func tagWords(tags map[string]*string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		s := key
		if v := tags[key]; v != nil {
			s += "=" + *v
		}
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

// words says how exposed the object is.
func (e *Exposure) words() string {
	public := map[string]string{"yes": "public", "no": "not public", "unknown": "not known whether public"}[e.Public]
	switch {
	case e.Public != "yes":
	case e.PublicAccess != nil && *e.PublicAccess == "PUBLIC":
		public += " (bucket)"
	default:
		public += " (object)"
	}
	encrypted := "encryption not known"
	switch {
	case e.Unencrypted == "yes":
		encrypted = "unencrypted"
	case e.Encryption != nil && e.Unencrypted == "no":
		encrypted = "encrypted (" + *e.Encryption + ")"
	}
	return public + ", " + encrypted + ", as last seen"
}

func (p *page) states(level int, states []State, members int) {
	for i := range states {
		if i > 0 {
			p.Gap()
		}
		p.state(level, &states[i])
	}
	if len(states) == 0 && members > 0 {
		p.line(level, "only files inside it have results")
	}
}

func (p *page) state(level int, s *State) {
	if s.Gone != nil {
		p.WarnItem(level, "gone: "+*s.Gone)
	}
	if m := s.Missed; m != nil {
		what := "not analysed: "
		if s.Analysed {
			what = "not analysed as it is now, modified " + timeWords(m.LastModified) + ": "
		}
		p.WarnItem(level, what+m.status()+", "+m.origin(p.config))
	}
	if s.Analysed || s.Missed == nil {
		p.line(level, s.status()+", "+s.origin(p.config))
	}
	if s.Results > 1 {
		p.line(level, fmt.Sprintf("by %s in all", text.Plural(s.Results, "result")))
	}
	if of := s.content(); of != "" {
		p.line(level, of)
	}
	p.found(level, s)
	for i := range s.Findings {
		p.Gap()
		p.finding(level, &s.Findings[i])
	}
	for i := range s.Closed {
		c := &s.Closed[i]
		p.line(level, fmt.Sprintf("%s (%s): %s", orNone(c.Type), orNone(c.Category), c.State))
	}
}

// found sums up what was found.
func (p *page) found(level int, s *State) {
	if len(s.Findings) == 0 {
		if s.Analysed && s.Gone == nil {
			p.line(level, "no open finding")
		}
		return
	}
	locations, unconfirmed := int64(0), 0
	for i := range s.Findings {
		locations += s.Findings[i].LocationCount
		if s.Findings[i].State == "unconfirmed" {
			unconfirmed++
		}
	}
	line := text.Plural(len(s.Findings), "finding")
	if unconfirmed > 0 {
		line += fmt.Sprintf(" (%d unconfirmed)", unconfirmed)
	}
	line += ", " + text.Plural(locations, "location")
	if s.Severity != nil {
		line = "severity " + *s.Severity + ", " + line
	}
	p.line(level, line)
	if s.MembersExceed {
		p.WarnItem(level, "its members sum to more than the archive: the larger counts")
	}
}

func (p *page) finding(level int, f *Finding) {
	p.Item(level, true, orNone(f.Type)+f.kind()+": "+f.words())
	shown := f.Locations
	if !p.all && len(shown) > shownLocations+1 {
		shown = shown[:shownLocations]
	}
	for i := range shown {
		p.line(level+1, shown[i].Text)
	}
	if more := len(f.Locations) - len(shown); more > 0 {
		p.line(level+1, fmt.Sprintf("+%s more (--all-locations lists them)", text.Count(more)))
	}
}

func orNone(s *string) string {
	if s == nil {
		return "(no name)"
	}
	return *s
}

func (f *Finding) kind() string {
	if f.Kind != nil && *f.Kind == "custom" {
		return " (custom identifier)"
	}
	if f.Category == nil {
		return ""
	}
	return " (" + *f.Category + ")"
}

// words counts the finding's occurrences, and says how many have a location.
func (f *Finding) words() string {
	s := "an unknown number of occurrences"
	if f.Count != "" {
		s = text.Thousands(string(f.Count)) + " occurrences"
		if f.Count == "1" {
			s = "1 occurrence"
		}
	}
	switch {
	case f.Cause == nil && f.Count != "":
	case f.LocationCount == 0:
		s += ", none located"
	default:
		s += ", " + text.Count(f.LocationCount) + " located"
		if f.Cause != nil && *f.Cause == "limit" {
			s += " (Macie reports at most 1,000 per type and result)"
		}
	}
	if f.State == "unconfirmed" {
		s += "; unconfirmed: the content was replaced since"
	}
	return s
}

func (r *Result) status() string {
	s := "no status"
	if r.Status != nil {
		s = *r.Status
	}
	if r.Reason != nil {
		s += " (" + *r.Reason + ")"
	}
	return s
}

func (r *Result) origin(c *config.Config) string {
	s := "result of " + timeWords(r.CreatedAt)
	switch {
	case r.JobID != nil:
		return s + " by job " + c.JobName(*r.JobID)
	case r.OriginType != nil:
		return s + " by " + *r.OriginType
	}
	return s
}

// content is what is known of the content that was analysed.
func (r *Result) content() string {
	var parts []string
	if r.LastModified != nil {
		parts = append(parts, "modified "+timeWords(r.LastModified))
	}
	if r.VersionID != nil {
		parts = append(parts, "version "+*r.VersionID)
	}
	if r.Size != nil {
		parts = append(parts, text.Bytes(*r.Size))
	}
	if r.MimeType != nil {
		parts = append(parts, *r.MimeType)
	}
	return strings.Join(parts, ", ")
}

func timeWords(s *string) string {
	if s == nil {
		return "an unknown time"
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil {
		return *s
	}
	return text.Time(t)
}
