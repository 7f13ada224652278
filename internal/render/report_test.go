package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/macielake/macielake/internal/report"
)

func pageOf(t *testing.T, p *report.Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&Report{P: p}).HTML(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func somePage() *report.Page {
	p := &report.Page{Keys: true, Categories: []string{"A", "B"}}
	p.Title, p.Dataset = "T", "it's"
	for _, kind := range []string{report.Public, report.Unencrypted, report.Credentials} {
		p.Exposed = append(p.Exposed, report.Exposure{Kind: kind})
	}
	p.Totals.Occurrences, p.Totals.Unlocated = "0", "0"
	return p
}

// The policy allows the page's own style and nothing else: its hash is that of the bytes
// between the tags.
func TestReportPolicy(t *testing.T) {
	page := pageOf(t, somePage())
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page)
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if style == nil || policy == nil {
		t.Fatal("no style or no policy")
	}
	hash := sha256.Sum256([]byte(style[1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
	if got := html.UnescapeString(policy[1]); !strings.HasPrefix(got, want+";") {
		t.Errorf("policy %q, want %q", got, want)
	}
	for _, unsafe := range []string{"<script", " style=", " src=", " href=", "url(", "@import", "http:", "https:"} {
		if strings.Contains(page, unsafe) {
			t.Errorf("the page has %q", unsafe)
		}
	}
}

// Charts have a box for each figure, and none where there is nothing to show.
func TestReportCharts(t *testing.T) {
	p := somePage()
	if bars(p) != nil || chart(p.Months) != nil || sparks(p) != nil {
		t.Error("charts of nothing")
	}
	p.Exposed[0].Ages[1].Sensitive, p.Exposed[0].Total.Sensitive = 30, 40
	p.Exposed[0].Ages[3].Sensitive = 10
	p.Exposed[1].Ages[0].Sensitive, p.Exposed[1].Total.Sensitive = 10, 10
	b := bars(p)
	if len(b) != 3 || len(b[0].Segments) != 2 || b[0].Segments[0].Width != "540.0" || b[0].Segments[1].X != "540.0" || b[1].Segments[0].Width != "180.0" {
		t.Errorf("bars %+v", b)
	}
	p.Months = []report.Month{{Month: "2026-01", Objects: 10, Findings: 5, Counts: []int64{5, 0}}, {Month: "2026-02", Objects: 20, Findings: 10, Counts: []int64{10, 0}}}
	if c := chart(p.Months); c == nil || c.Points != "180.0,107.5 540.0,45.0" || c.Columns[0].Height != "31.0" || c.Columns[1].Height != "62.0" {
		t.Errorf("chart %+v", c)
	}
	if s := sparks(p); len(s) != 1 || s[0].Points != "2.0,12.0 118.0,3.0" {
		t.Errorf("sparks %+v", s)
	}
	p.Buckets.Rows = []report.HeatRow{{Bucket: "b", Counts: []int64{100, 0}}, {Bucket: "c", Counts: []int64{1, 16}}}
	steps := []int{}
	for _, r := range heat(p) {
		for _, c := range r.Cells {
			steps = append(steps, c.Step)
		}
	}
	if want := []int{5, 0, 1, 2}; len(steps) != 4 || steps[0] != want[0] || steps[1] != want[1] || steps[2] != want[2] || steps[3] != want[3] {
		t.Errorf("steps %v, want %v", steps, want)
	}
}
