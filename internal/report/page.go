package report

import (
	"encoding/json"
	"time"

	"github.com/macielake/macielake/internal/change"
	"github.com/macielake/macielake/internal/state"
)

// Page is a report on everything, or on the objects of one owner. Lists are capped; what was
// left out of a list is counted beside it.
type Page struct {
	Source
	// Owner names the page's owner: nil for a report on everything, empty for objects
	// without an owner.
	Owner *string `json:"owner"`
	// Keys says that objects are named, as opposed to their buckets alone.
	Keys bool `json:"keys"`
	// Configured reports whether a configuration assigns owners.
	Configured bool `json:"configured"`

	Totals     Totals     `json:"totals"`
	Exposed    []Exposure `json:"exposed"`
	First      List       `json:"fix_first"` // objects, or buckets without Keys
	Changes    *Changes   `json:"changes"`   // nil where no earlier point was named
	Buckets    Heat       `json:"buckets"`
	Accounts   List       `json:"accounts"`
	Owners     List       `json:"owners"` // none without a configuration, and of an owner's page
	Missed     []Missed   `json:"not_analysed"`
	MissedMore int64      `json:"more_not_analysed"` // reasons that aren't in Missed
	MissedIn   List       `json:"buckets_not_analysed"`
	Months     []Month    `json:"months"` // the last 12 at most
	Categories []string   `json:"categories"`
	Accepted   Accepted   `json:"accepted"`
	Unknown    Unknown    `json:"not_covered"`

	fixable int64 // how many objects or buckets could be in First
}

// Source is what a report was made of, and as of when.
type Source struct {
	Title   string `json:"title"`
	Dataset string `json:"dataset"` // as the user calls it
	Version string `json:"version"` // of the program
	// AsOf is the run as of which the report is; nil where no run is committed.
	AsOf *change.Point `json:"as_of"`
	Runs int           `json:"runs"` // that were committed by then
	// From and To are when the oldest and the newest run began and ended.
	From   *time.Time `json:"from"`
	To     *time.Time `json:"to"`
	Config string     `json:"config_sha256,omitempty"`
	// ConfigFile is how the user calls the configuration; empty without one.
	ConfigFile string `json:"-"`
}

// Totals count objects and findings in their state as of the report.
type Totals struct {
	Objects     int64       `json:"objects"` // that were analysed
	Sensitive   int64       `json:"sensitive_objects"`
	Findings    int64       `json:"findings"`
	Confirmed   int64       `json:"confirmed"`
	Unconfirmed int64       `json:"unconfirmed"`
	Occurrences json.Number `json:"occurrences"`
	Partial     int64       `json:"partial_objects"`
	Skipped     int64       `json:"skipped_objects"`
	Gone        int64       `json:"gone_objects"`
	Unlocated   json.Number `json:"unlocated"`
	Results     int64       `json:"results"`
}

// Kinds of exposure.
const (
	Public      = "public"
	Unencrypted = "unencrypted"
	Credentials = "credentials"
)

// Filter is the filter for the findings of a kind of exposure, as summarize takes it.
func Filter(kind string) string {
	switch kind {
	case Public:
		return "public=yes"
	case Unencrypted:
		return "unencrypted=yes"
	}
	return "category=CREDENTIALS"
}

// FixFirst is the filter for findings to fix first.
const FixFirst = "public=yes or (unencrypted=yes and type_severity=High) or category=CREDENTIALS"

// Exposure is what is exposed in one way, by the age of the evidence: of the analysis
// that stands for each object.
type Exposure struct {
	Kind    string `json:"kind"`
	Ages    [4]Age `json:"ages"`
	Total   Age    `json:"total"`
	Buckets List   `json:"buckets"`
}

// Age counts objects that were analysed at most Days days before the report. Days is 0
// for older objects and for objects whose results have no time.
type Age struct {
	Days      int   `json:"days"`
	Sensitive int64 `json:"sensitive_objects"`
	Findings  int64 `json:"findings"`
}

// ages are up to how many days each Age of an exposure goes.
var ages = [4]int{7, 30, 90, 0}

// List is a list of groups, the largest first, of which More were left out.
type List struct {
	Rows []Row `json:"rows"`
	More int64 `json:"more"`
}

// Row is a bucket, an object, an account or an owner.
type Row struct {
	Name      string `json:"name"` // empty for none
	Why       string `json:"why,omitempty"`
	Account   string `json:"account_id,omitempty"`
	Owner     string `json:"owner,omitempty"`
	Sensitive int64  `json:"sensitive_objects,omitempty"`
	Findings  int64  `json:"findings,omitempty"`
	Skipped   int64  `json:"skipped_objects,omitempty"`
}

// Heat is a map of buckets by categories.
type Heat struct {
	Rows []HeatRow `json:"rows"`
	More int64     `json:"more"`
}

// HeatRow is a bucket with its findings in each of the page's categories.
type HeatRow struct {
	Bucket    string  `json:"bucket"`
	Public    bool    `json:"public"` // the bucket is
	Sensitive int64   `json:"sensitive_objects"`
	Findings  int64   `json:"findings"`
	Counts    []int64 `json:"by_category"`
}

// Missed is why objects were not analysed, or in part.
type Missed struct {
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Skipped int64  `json:"skipped_objects"`
	Partial int64  `json:"partial_objects"`
}

// Month is the state at the end of a month, as far as the report goes.
type Month struct {
	Month     string  `json:"month"` // such as 2026-11
	Objects   int64   `json:"objects"`
	Sensitive int64   `json:"sensitive_objects"`
	Findings  int64   `json:"findings"`
	Counts    []int64 `json:"by_category"`
}

// Changes are what became of findings since an earlier point.
type Changes struct {
	Since    *change.Point `json:"since"` // null before the first run
	FirstRun bool          `json:"first_run"`
	change.Tally
	Analysed int64           `json:"analysed"`              // objects; 0 of an owner's page, where it isn't counted
	Turned   []change.Turned `json:"buckets_became_public"` // none of an owner's page
	// TurnedMore counts those that aren't in Turned.
	TurnedMore int64           `json:"more_buckets_became_public"`
	Records    []change.Record `json:"findings"` // that are open, exposed ones before others
	More       int64           `json:"more"`     // open ones that aren't in findings
}

// Accepted is what was accepted.
type Accepted struct {
	Findings int64         `json:"findings"`
	Rules    []change.Rule `json:"rules"`
	More     int64         `json:"more"`
}

// Unknown is what the figures don't cover.
type Unknown struct {
	Caveats            *state.Caveats `json:"caveats"` // of the dataset as it is
	PublicUnknown      int64          `json:"public_unknown"`
	UnencryptedUnknown int64          `json:"unencrypted_unknown"`
	MembersExceed      int64          `json:"members_exceed_archive"`
	// Sampled says that automated discovery produced results: it analyses samples.
	Sampled bool `json:"sampled"`
	// Origins are of a report of everything alone.
	Origins []Origin `json:"origins"`
	More    int64    `json:"more_origins"`
	// TooLong says that times in results span too much for a history.
	TooLong bool `json:"history_too_long"`
}

// Origin is who produced results, and when the newest.
type Origin struct {
	Administrator string     `json:"administrator,omitempty"`
	Region        string     `json:"region,omitempty"`
	Job           string     `json:"job,omitempty"` // empty for automated discovery
	Newest        *time.Time `json:"newest"`
}
