package render

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/report"
	"github.com/macielake/macielake/internal/text"
)

//go:embed report/page.html
var reportHTML string

//go:embed report/page.css
var reportCSS string

// Report writes a report for people. It escapes all names, so that they are shown and
// never interpreted. It is safe for concurrent use, as long as nobody changes P.
type Report struct {
	P      *report.Page
	Config *config.Config // with names of accounts and jobs; nil for none
}

// HTML writes the report as one page, without scripts and without requests for other
// files. The error is that of w.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"name": displayName, "count": text.Count[int64], "plural": text.Plural[int64], "account": r.account, "job": r.job, "owner": ownerName,
		"type": breakType, "kind": kindTitle, "category": categoryTitle, "text": orEmpty, "words": splitWords, "day": formatDay,
		"causes": func(causes []string) string { return displayName(splitWords(strings.Join(causes, "; "))) },
		"left":   func(n int64, what string) notShown { return notShown{n, what} },
	}).Parse(reportHTML)
	if err != nil {
		return fmt.Errorf("reading the report's template: %w", err)
	}
	hash := sha256.Sum256([]byte(reportCSS))
	return t.Execute(w, &page{
		wording: r.wording(), StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(hash[:]), Style: template.CSS(reportCSS),
		Heat: heat(r.P), Bars: bars(r.P), BarsHeight: 48*len(r.P.Exposed) - 4, BarsLabel: barsLabel(r.P), Ages: ageKeys(),
		Chart: chart(r.P.Months), Sparks: sparks(r.P),
	})
}

// page is the data of the template.
type page struct {
	wording
	StyleHash  string
	Style      template.CSS
	Heat       []heatRow
	Bars       []exposureBar
	BarsHeight int
	BarsLabel  string
	Ages       []ageKey
	Chart      *lineChart
	Sparks     []spark
}

// notShown counts the items of a list that the report omits.
type notShown struct {
	Left int64
	What string // one item, such as bucket
}

// card is a figure with its name: a prominent one, or one about the report itself.
type card struct {
	Figure, What string
	Bad          bool // shown as a warning
}

// kindList is a list of the buckets with one kind of exposure.
type kindList struct {
	Title, Command string
	List           *report.List
}

// sumList is a list of accounts or of owners.
type sumList struct {
	Title, Head, Items string
	List               *report.List
	Owners             bool
}

// wording is the text of a report, which HTML and Markdown share. The template reads
// its fields.
type wording struct {
	P                                                                          *report.Page
	Line, Lead                                                                 string
	Warnings                                                                   []string
	Cards, Tally, Source                                                       []card
	Owned                                                                      bool   // owners are shown
	Item, Items                                                                string // what is listed: Object, object; or Bucket, bucket
	Kinds                                                                      []kindList
	Lists                                                                      []sumList
	UnknownText                                                                []string
	ExposedText, ChangedText, WhereText, MissedText, HistoryText, AcceptedText string
	FirstCommand, ChangedCommand, WhereCommand, MissedCommand                  string
	HistoryCommand, AcceptedCommand, UnknownCommand                            string
}

// displayName returns a name as the report shows it: shortened and printable.
func displayName(s string) string {
	if s == "" {
		return "(none)"
	}
	return text.Printable(text.Short(s))
}

// breakType returns the name of a type, with possible line breaks after underscores.
func breakType(s string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(displayName(s)), "_", "_<wbr>"))
}

func ownerName(s string) string {
	if s == "" {
		return "nobody"
	}
	return displayName(s)
}

func splitWords(s string) string { return strings.ReplaceAll(s, "_", " ") }

func formatDay(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func (r *Report) account(id string) string { return displayName(r.Config.AccountName(id)) }
func (r *Report) job(id string) string     { return displayName(r.Config.JobName(id)) }

func kindTitle(kind string) string {
	switch kind {
	case report.Public:
		return "Public"
	case report.Unencrypted:
		return "Not encrypted"
	}
	return "Credentials"
}

func categoryTitle(category string) string {
	switch category {
	case "FINANCIAL_INFORMATION":
		return "Financial"
	case "PERSONAL_INFORMATION":
		return "Personal"
	case "CREDENTIALS":
		return "Credentials"
	case "CUSTOM_IDENTIFIER":
		return "Custom"
	}
	return displayName(category)
}

// command returns a command that shows the details of a figure.
func (r *Report) command(name string, args ...string) string {
	p := r.P
	parts := []string{"macielake", name, quoted(p.Dataset)}
	if p.AsOf != nil && name != "status" {
		number, _, _ := strings.Cut(p.AsOf.Run, "-")
		parts = append(parts, map[bool]string{true: "--until", false: "--as-of"}[name == "diff"], strings.TrimLeft(number, "0"))
	}
	if p.ConfigFile != "" && name != "status" {
		parts = append(parts, "--config", quoted(p.ConfigFile))
	}
	return text.Printable(strings.Join(append(parts, args...), " "))
}

// filter returns the flag and argument of a filter, restricted to the page's owner if
// it has one; nil if nothing is filtered.
func (r *Report) filter(filter string) []string {
	if p := r.P; p.Owner != nil {
		owner := "owner is null"
		if *p.Owner != "" {
			owner = `owner="` + strings.ReplaceAll(*p.Owner, `"`, `""`) + `"`
		}
		if filter != "" {
			filter = "(" + filter + ") and "
		}
		filter += owner
	}
	if filter == "" {
		return nil
	}
	return []string{"--where", quoted(filter)}
}

// wording puts the figures into words.
func (r *Report) wording() wording {
	p, t := r.P, &r.P.Totals
	s := wording{P: p, Owned: p.Configured && p.Owner == nil, Item: "Object", Items: "object"}
	if !p.Keys {
		s.Item, s.Items = "Bucket", "bucket"
	}
	r.wordHead(&s)
	public, bare, secrets := &p.Exposed[0].Total, &p.Exposed[1].Total, &p.Exposed[2].Total
	s.Cards = []card{
		{text.Count(public.Sensitive), "public objects with sensitive data", public.Sensitive > 0},
		{text.Count(bare.Sensitive), "unencrypted objects with sensitive data", bare.Sensitive > 0},
		{text.Count(secrets.Sensitive), "objects with credentials", secrets.Sensitive > 0},
		{text.Count(t.Sensitive), "objects with sensitive data", false},
		{text.Count(t.Findings), "open findings", false},
		{text.Count(t.Objects), "objects analysed", false},
	}
	switch exposed := public.Sensitive + bare.Sensitive; {
	case t.Results == 0:
		s.ExposedText = "There are no results, so nothing is known about any object. That is not good news."
	case exposed+secrets.Sensitive > 0:
		s.ExposedText = fmt.Sprintf("As last seen, %s with sensitive data can be read by anyone, %s not encrypted, and %s credentials, such as passwords and keys. An object may be in several of these.",
			text.Plural(public.Sensitive, "object"), countVerb(bare.Sensitive, "is", "are"), countVerb(secrets.Sensitive, "has", "have"))
	default:
		s.ExposedText = fmt.Sprintf("No object with sensitive data is known to be exposed, of %s analysed. Objects that were not analysed may be.", text.Plural(t.Objects, "object"))
	}
	s.FirstCommand = r.command("summarize", append([]string{"--by", s.Items}, r.filter(report.FixFirst)...)...)
	for i := range p.Exposed {
		where := report.Filter(p.Exposed[i].Kind)
		if e := &p.Exposed[i]; len(e.Buckets.Rows) > 0 {
			title := [...]string{"Buckets with public objects", "Buckets with unencrypted objects", "Buckets with credentials"}[i]
			s.Kinds = append(s.Kinds, kindList{title, r.command("summarize", append([]string{"--by", "bucket"}, r.filter(where)...)...), &e.Buckets})
		}
	}
	r.wordChanges(&s)
	s.WhereText = fmt.Sprintf("%s in %s, with %s occurrences of sensitive data. %s in content that has been replaced since, and nobody has confirmed that the data is gone.",
		text.Plural(t.Findings, "finding"), text.Plural(t.Sensitive, "object"), text.Thousands(string(t.Occurrences)), countVerb(t.Unconfirmed, "finding is", "findings are"))
	if t.Findings == 0 {
		s.WhereText = "No finding is open."
	}
	s.WhereCommand = r.command("summarize", append([]string{"--by", "bucket,category"}, r.filter("")...)...)
	if len(p.Accounts.Rows) > 0 {
		s.Lists = append(s.Lists, sumList{"By account", "Account", "account", &p.Accounts, false})
	}
	if len(p.Owners.Rows) > 0 {
		s.Lists = append(s.Lists, sumList{"By owner", "Owner", "owner", &p.Owners, true})
	}
	s.MissedText = fmt.Sprintf("%s not analysed, or not as %s now, and %s analysed only in part. What they hold is not known.",
		text.Plural(t.Skipped, "object")+wasWere(t.Skipped), inflect(t.Skipped, "it is", "they are"), text.Plural(t.Partial, "object")+wasWere(t.Partial))
	if t.Skipped+t.Partial == 0 {
		s.MissedText = "Every object that Macie reported on was analysed completely."
	}
	s.MissedCommand = r.command("summarize", append([]string{"--by", "status,reason"}, r.filter("status!=COMPLETE or status is null")...)...)
	r.wordHistory(&s)
	r.wordAccepted(&s)
	r.wordUnknown(&s)
	return s
}

// countVerb returns n and the form of a verb for it, such as "2 are".
func countVerb(n int64, one, many string) string { return text.Count(n) + " " + inflect(n, one, many) }

// inflect returns the form of a word for n things.
func inflect(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func wasWere(n int64) string { return " " + inflect(n, "was", "were") }

// wordHead words which results the report covers, its main figure, and its source.
func (r *Report) wordHead(s *wording) {
	p := r.P
	scope := "Amazon Macie’s results in " + displayName(p.Dataset)
	if p.Owner != nil {
		scope += map[bool]string{true: ", objects without an owner", false: ", objects of owner " + ownerName(*p.Owner)}[*p.Owner == ""]
	}
	if p.AsOf == nil {
		s.Line = scope + ". No run is committed yet."
	} else {
		s.Line = fmt.Sprintf("%s, as of run %s of %s.", scope, p.AsOf.Run, text.Time(p.AsOf.EndedAt))
	}
	t := &p.Totals
	switch {
	case p.Owner != nil && t.Findings == 0 && t.Results > 0:
		s.Lead = fmt.Sprintf("No finding is open: Macie analysed %s of this owner.", text.Plural(t.Objects, "object"))
	case p.Owner != nil && t.Results == 0:
		s.Lead = "Macie reported on no object of this owner, so nothing is known about what they hold."
	case t.Results == 0:
		s.Lead = "Macie reported on no object, so nothing is known about any."
	default:
		s.Lead = fmt.Sprintf("Macie analysed %s and found sensitive data in %s of them.", text.Plural(t.Objects, "object"), text.Count(t.Sensitive))
	}
	if c := p.Unknown.Caveats; c != nil {
		if n := c.Rejects - c.Acknowledged + c.Unread - c.AcknowledgedUnread + c.Changed + int64(len(c.OpenRuns)); n > 0 {
			s.Warnings = append(s.Warnings, "Some results are missing from these figures: see the last section.")
		}
	}
	s.Source = []card{{displayName(p.Dataset), "Dataset", false}}
	add := func(what, figure string) { s.Source = append(s.Source, card{figure, what, false}) }
	if p.AsOf != nil {
		add("As of", "run "+p.AsOf.Run)
		add("Last commit", text.Time(p.AsOf.EndedAt))
		add("Runs", fmt.Sprintf("%s, from %s to %s", text.Count(int64(p.Runs)), text.Time(*p.From), text.Time(*p.To)))
	}
	if p.Config != "" {
		add("Configuration", "SHA-256 "+p.Config)
	}
	if !p.Keys {
		add("Names", "of objects and of files in archives are left out")
	}
	add("Made by", "macielake "+p.Version)
}

// wordChanges words what became of findings.
func (r *Report) wordChanges(s *wording) {
	p, c := r.P, r.P.Changes
	args := r.filter("")
	analysed := ""
	if c != nil && p.Owner == nil {
		analysed = fmt.Sprintf(" Macie analysed %s in that time.", text.Plural(c.Analysed, "object"))
	}
	switch {
	case c == nil:
		s.ChangedText = "This report is not compared with an earlier one. Name the run or time to compare with by --since, or let --mark remember the last report."
		s.ChangedCommand = "macielake report " + text.Printable(quoted(p.Dataset)) + " --since RUN --output report.html"
		return
	case c.FirstRun:
		s.ChangedText = fmt.Sprintf("This is the first report with this mark: %s recorded as known. The next one says what is new.", text.Plural(c.New, "finding")+wasWere(c.New))
	case c.New+c.Reappeared+c.Worse+c.NotSeenAgain+c.Resolved+c.NoLongerDetected+c.Gone == 0:
		s.ChangedText = "Nothing changed since " + since(&change.Report{Since: c.Since}) + "." + analysed
	default:
		s.ChangedText = fmt.Sprintf("Since %s: %s.%s Of the new findings, %s in objects that nobody had looked at before, so the data may be old. A finding is resolved only when newer content was analysed without it.",
			since(&change.Report{Since: c.Since}), counted(&c.Tally), analysed, countVerb(c.FirstLook, "is", "are"))
	}
	if c.Since == nil {
		s.ChangedCommand = r.command("diff", append([]string{"--since", "0"}, args...)...)
	} else {
		s.ChangedCommand = r.command("diff", append([]string{"--since", sinceFlag(&change.Report{Since: c.Since})}, args...)...)
	}
	for _, kind := range []struct {
		n    int64
		what string
		bad  bool
	}{
		{c.New, "new", true}, {c.Worse, "worse", true}, {c.Reappeared, "reappeared", true}, {c.NotSeenAgain, "not seen again", false},
		{c.Resolved, "resolved", false}, {c.NoLongerDetected, "no longer detected", false}, {c.Gone, "gone", false},
	} {
		if kind.n > 0 {
			s.Tally = append(s.Tally, card{text.Count(kind.n), kind.what, kind.bad})
		}
	}
}

func (r *Report) wordHistory(s *wording) {
	months := r.P.Months
	s.HistoryCommand = r.command("summarize", append([]string{"--by", "month", "--trend"}, r.filter("")...)...)
	switch {
	case r.P.Unknown.TooLong:
		s.HistoryText = "The results span more than 100 years, so at least one of their times is wrong and no history is drawn."
	case len(months) == 0:
		s.HistoryText = "There is no history yet."
	case len(months) == 1:
		s.HistoryText = "All results are from one month, so there is no history yet."
	default:
		first, last := &months[0], &months[len(months)-1]
		s.HistoryText = fmt.Sprintf("From %s to %s open findings went from %s to %s, while the objects analysed went from %s to %s. More findings may only mean that more objects were analysed.",
			first.Month, last.Month, text.Count(first.Findings), text.Count(last.Findings), text.Count(first.Objects), text.Count(last.Objects))
	}
}

func (r *Report) wordAccepted(s *wording) {
	a := &r.P.Accepted
	expired, worse := 0, int64(0)
	for i := range a.Rules {
		if a.Rules[i].Expired {
			expired++
		}
		worse += a.Rules[i].CameBack
	}
	if len(a.Rules) > 0 {
		s.AcceptedCommand = r.command("diff", append([]string{"--since", "0"}, r.filter("")...)...)
	}
	switch {
	case r.P.ConfigFile == "":
		s.AcceptedText = "No configuration was given, so nothing is accepted."
	case len(a.Rules) == 0:
		s.AcceptedText = "Nothing is accepted."
	default:
		s.AcceptedText = fmt.Sprintf("%s accepted. The figures above still count them as open; only what changed leaves them out.", text.Plural(a.Findings, "open finding")+" "+inflect(a.Findings, "is", "are"))
		if expired > 0 {
			s.AcceptedText += fmt.Sprintf(" %s expired and %s nothing any more.", text.Plural(expired, "rule"), inflect(int64(expired), "accepts", "accept"))
		}
		if worse > 0 {
			s.AcceptedText += fmt.Sprintf(" %s got worse and came back.", text.Plural(worse, "accepted finding"))
		}
	}
}

func (r *Report) wordUnknown(s *wording) {
	p, u := r.P, &r.P.Unknown
	add := func(format string, args ...any) { s.UnknownText = append(s.UnknownText, fmt.Sprintf(format, args...)) }
	if c := u.Caveats; c != nil {
		if c.Rejects > 0 {
			add("%s could not be read as results and are not counted (acknowledged: %s).", text.Plural(c.Rejects, "line or source"), text.Count(c.Acknowledged))
		}
		if c.Unread+c.Changed > 0 {
			add("%s could not be read; changed after they were read: %s.", text.Plural(c.Unread, "source"), text.Count(c.Changed))
		}
		if len(c.OpenRuns) > 0 {
			add("%s not finished: the results in it are not counted yet.", text.Plural(len(c.OpenRuns), "run")+" "+inflect(int64(len(c.OpenRuns)), "is", "are"))
		}
		if c.Accepted > 0 {
			add("Changes to sources after they were converted were accepted and are not counted: %s.", text.Count(c.Accepted))
		}
		if c.Rejects+c.Unread+c.Changed+c.Accepted == 0 && len(c.OpenRuns) == 0 {
			add("No source of this dataset was rejected, left unread or changed after it was converted.")
		}
	}
	if u.Sampled {
		add("Automated discovery analyses samples: nothing is known about the objects that it did not pick.")
	}
	add("Objects that Macie did not select appear nowhere: those outside the scope of its jobs, of unsupported formats or storage classes, and in buckets that it doesn’t cover.")
	if u.PublicUnknown > 0 {
		add("%s with sensitive data: not known whether public.", text.Plural(u.PublicUnknown, "object"))
	}
	if u.UnencryptedUnknown > 0 {
		add("%s with sensitive data: not known whether encrypted.", text.Plural(u.UnencryptedUnknown, "object"))
	}
	if n := string(p.Totals.Unlocated); n != "" && n != "0" {
		add("%s occurrences have no location: Macie reports at most 1,000 for each type in a result.", text.Thousands(n))
	}
	if u.MembersExceed > 0 {
		add("In %s the counts of the files sum to more than that of the archive; the larger figure is used.", text.Plural(u.MembersExceed, "archive"))
	}
	add("Sharing with other AWS accounts is not in Macie’s results: an object that isn’t public may still be read by others.")
	s.UnknownCommand = r.command("status")
}

// Document returns the report as a document, such as Markdown for a wiki. The caller
// owns it.
func (r *Report) Document() *text.Document {
	s := r.wording()
	p, d := r.P, &text.Document{}
	d.Section(p.Title, "")
	d.Line(s.Line)
	d.Line(s.Lead)
	for _, w := range s.Warnings {
		d.Warn(w)
	}
	cells := func(values ...string) []text.Cell {
		var row []text.Cell
		for _, v := range values {
			row = append(row, text.Of(v))
		}
		return row
	}
	number := func(name string) text.Column { return text.Column{Name: name, Number: true} }
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	insertOwner := func(row []text.Cell, at int, owner string) []text.Cell {
		if s.Owned {
			return slices.Insert(row, at, text.Of(ownerName(owner)))
		}
		return row
	}
	columns := func(at int, list ...text.Column) []text.Column {
		if s.Owned {
			return slices.Insert(list, at, text.Column{Name: "owner"})
		}
		return list
	}
	more := func(n int64, what string) {
		if n > 0 {
			d.Gap()
			d.Line("Not shown: " + text.Plural(n, what))
		}
	}
	section := func(title, summary string) {
		d.Section(title, "")
		d.Line(summary)
		d.Gap()
	}
	section("What is exposed", s.ExposedText)
	var rows [][]text.Cell
	for _, f := range p.First.Rows {
		rows = append(rows, insertOwner(cells(f.Name, f.Why, count(f.Findings)), 2, f.Owner))
	}
	if rows != nil {
		d.Table(columns(2, text.Column{Name: "fix_first"}, text.Column{Name: "why"}, number("findings")), rows)
		more(p.First.More, s.Items)
		d.Verbatim(s.FirstCommand)
		d.Gap()
	}
	rows = nil
	for _, e := range p.Exposed {
		row := cells(kindTitle(e.Kind))
		for _, a := range append(e.Ages[:], e.Total) {
			row = append(row, text.Of(count(a.Sensitive)))
		}
		rows = append(rows, row)
	}
	d.Table([]text.Column{{Name: "objects, by age of the evidence"}, number("up to 7 days"), number("up to 30 days"), number("up to 90 days"), number("older"), number("all")}, rows)
	for _, k := range s.Kinds {
		d.Gap()
		rows = nil
		for _, b := range k.List.Rows {
			rows = append(rows, insertOwner(cells(b.Name, r.Config.AccountName(b.Account), count(b.Sensitive), count(b.Findings)), 2, b.Owner))
		}
		d.Line(k.Title)
		d.Gap()
		d.Table(columns(2, text.Column{Name: "bucket"}, text.Column{Name: "account"}, number("objects"), number("findings")), rows)
		more(k.List.More, "bucket")
		d.Verbatim(k.Command)
	}
	section("What changed", s.ChangedText)
	if c := p.Changes; c != nil {
		for _, t := range c.Turned {
			d.Warn(fmt.Sprintf("Bucket %s became public: %s", t.Bucket, text.Plural(t.Findings, "finding")))
		}
		more(c.TurnedMore, "newly public bucket")
		rows = nil
		for i := range c.Records {
			f := &c.Records[i]
			rows = append(rows, insertOwner(cells(f.Object, orDash(f.Type), splitWords(f.State), splitWords(strings.Join(f.Causes, "; "))), 4, orEmpty(f.Owner)))
		}
		if rows != nil {
			d.Table(columns(4, text.Column{Name: strings.ToLower(s.Item)}, text.Column{Name: "type"}, text.Column{Name: "state"}, text.Column{Name: "causes"}), rows)
			more(c.More, "finding")
		}
	}
	d.Verbatim(s.ChangedCommand)
	section("Where the sensitive data lies", s.WhereText)
	rows = nil
	for _, b := range p.Buckets.Rows {
		row := cells(b.Bucket)
		for _, n := range append(b.Counts, b.Findings) {
			row = append(row, text.Of(count(n)))
		}
		rows = append(rows, row)
	}
	if rows != nil {
		heads := []text.Column{{Name: "bucket"}}
		for _, c := range p.Categories {
			heads = append(heads, number(categoryTitle(c)))
		}
		d.Table(append(heads, number("All")), rows)
		more(p.Buckets.More, "bucket")
	}
	for _, l := range s.Lists {
		d.Gap()
		rows = nil
		for _, o := range l.List.Rows {
			name := r.Config.AccountName(o.Name)
			if l.Owners {
				name = ownerName(o.Name)
			}
			rows = append(rows, cells(name, count(o.Sensitive), count(o.Findings)))
		}
		d.Table([]text.Column{{Name: strings.ToLower(l.Head)}, number("objects"), number("findings")}, rows)
		more(l.List.More, l.Items)
	}
	d.Verbatim(s.WhereCommand)
	section("What was not analysed", s.MissedText)
	rows = nil
	for _, m := range p.Missed {
		rows = append(rows, cells(m.Status, m.Reason, count(m.Skipped), count(m.Partial)))
	}
	if rows != nil {
		d.Table([]text.Column{{Name: "status"}, {Name: "reason"}, number("not analysed"), number("in part")}, rows)
	}
	more(p.MissedMore, "reason")
	rows = nil
	for _, b := range p.MissedIn.Rows {
		rows = append(rows, insertOwner(cells(b.Name, r.Config.AccountName(b.Account), count(b.Skipped)), 2, b.Owner))
	}
	if rows != nil {
		d.Gap()
		d.Table(columns(2, text.Column{Name: "bucket"}, text.Column{Name: "account"}, number("not analysed")), rows)
		more(p.MissedIn.More, "bucket")
	}
	d.Verbatim(s.MissedCommand)
	section("How it developed", s.HistoryText)
	rows = nil
	for _, m := range p.Months {
		rows = append(rows, cells(m.Month, count(m.Objects), count(m.Sensitive), count(m.Findings)))
	}
	if rows != nil {
		d.Table([]text.Column{{Name: "month"}, number("objects analysed"), number("with sensitive data"), number("findings")}, rows)
	}
	d.Verbatim(s.HistoryCommand)
	section("What is accepted", s.AcceptedText)
	rows = nil
	a := &p.Accepted
	for _, a := range a.Rules {
		rows = append(rows, cells(a.Reason, a.Owner, a.Expires, count(a.Findings)))
	}
	if rows != nil {
		d.Table([]text.Column{{Name: "reason"}, {Name: "by"}, {Name: "until"}, number("findings")}, rows)
		more(a.More, "rule")
		d.Verbatim(s.AcceptedCommand)
	}
	d.Section("What these figures don’t cover", "")
	for _, u := range s.UnknownText {
		d.Item(0, false, u)
	}
	rows = nil
	for _, o := range p.Unknown.Origins {
		origin := "automated discovery"
		if o.Job != "" {
			origin = "job " + r.Config.JobName(o.Job)
		}
		rows = append(rows, cells(r.Config.AccountName(o.Administrator), o.Region, origin, formatDay(o.Newest)))
	}
	if rows != nil {
		d.Gap()
		d.Table([]text.Column{{Name: "administrator"}, {Name: "region"}, {Name: "origin"}, {Name: "newest result"}}, rows)
		more(p.Unknown.More, "origin")
	}
	d.Verbatim(s.UnknownCommand)
	d.Section("Source", "")
	for _, c := range s.Source {
		d.Item(0, false, c.What+": "+c.Figure)
	}
	return d
}
