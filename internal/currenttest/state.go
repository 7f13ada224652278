package currenttest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Subject is the state of an object or an archive member, in the form in which
// implementations are compared. All fields are filled in.
type Subject struct {
	Object   string `json:"object"`   // as Name gives it
	Member   string `json:"member"`   // path of an archive member, Absent where it has none; empty for an object
	Standing string `json:"standing"` // the standing result: r and its number among the results, from 1
	// Analysed is the standing result's status: complete, partial or no.
	Analysed string `json:"analysed"`
	// NotAnalysed is why the subject isn't analysed as it is now; empty if it is.
	NotAnalysed string `json:"not_analysed"`
	Gone        bool   `json:"gone"`
	// Public and Unencrypted are yes, no or unknown; unknown where the subject is gone.
	Public      string    `json:"public"`
	Unencrypted string    `json:"unencrypted"`
	Severity    string    `json:"severity"` // empty for none
	Findings    []Finding `json:"findings"` // open ones
	Closed      []Closed  `json:"closed"`
	Members     []Subject `json:"members"` // of an object, by their paths
}

// Finding is an open finding.
type Finding struct {
	Identifier string `json:"identifier"` // as Identifier gives it
	State      string `json:"state"`      // confirmed or unconfirmed
	Count      Number `json:"count"`      // 0 where absent
	Locations  Number `json:"locations"`
	Unlocated  Number `json:"unlocated"`
	Cause      string `json:"cause"` // limit, none or unknown; empty where nothing is unlocated
	Severity   string `json:"severity"`
}

// Closed is a finding that is no longer open.
type Closed struct {
	Identifier string `json:"identifier"`
	State      string `json:"state"` // resolved or gone
}

// Number is a number of any size, in decimal digits.
type Number string

// UnmarshalJSON takes a number as it is written.
func (n *Number) UnmarshalJSON(data []byte) error {
	var number json.Number
	if err := json.Unmarshal(data, &number); err != nil {
		return err
	}
	*n = Number(number)
	return nil
}

func (n Number) big() *big.Int {
	i, ok := new(big.Int).SetString(string(cmp.Or(n, "0")), 10)
	if !ok {
		panic(fmt.Sprintf("%q is no number", string(n)))
	}
	return i
}

// Absent stands for an absent text in names.
const Absent = "(absent)"

// text returns a text, or Absent.
func text(s *string) string {
	if s == nil {
		return Absent
	}
	return *s
}

// Name names an object: BUCKET/KEY, with "PARTITION:" before it if that isn't aws.
func Name(partition, bucket, key *string) string {
	name := text(bucket) + "/" + text(key)
	if p := text(partition); p != "aws" {
		name = p + ":" + name
	}
	return name
}

// Identifier names what a finding is of: CATEGORY/TYPE, or custom/ID of a custom
// identifier that has one, otherwise custom/NAME.
func Identifier(custom bool, category, name *string) string {
	if custom {
		return "custom/" + text(name)
	}
	return text(category) + "/" + text(name)
}

// Sort puts subjects and what is in them in the order in which Diff compares.
func Sort(subjects []Subject) {
	for i := range subjects {
		s := &subjects[i]
		slices.SortFunc(s.Findings, func(a, b Finding) int { return strings.Compare(a.Identifier, b.Identifier) })
		slices.SortFunc(s.Closed, func(a, b Closed) int { return strings.Compare(a.Identifier, b.Identifier) })
		Sort(s.Members)
	}
	slices.SortFunc(subjects, func(a, b Subject) int {
		return cmp.Or(strings.Compare(a.Object, b.Object), strings.Compare(a.Member, b.Member))
	})
}

// Diff returns where two answers differ, as lines for people; an empty text where
// they agree. It sorts both.
func Diff(got, want []Subject) string {
	Sort(got)
	Sort(want)
	var out strings.Builder
	diffSubjects(&out, "", got, want)
	return out.String()
}

func diffSubjects(out *strings.Builder, indent string, got, want []Subject) {
	key := func(s Subject) string { return s.Object + "\x00" + s.Member }
	i, j := 0, 0
	for i < len(got) || j < len(want) {
		switch {
		case j == len(want) || i < len(got) && key(got[i]) < key(want[j]):
			fmt.Fprintf(out, "%sunexpected: %s\n", indent, show(got[i]))
			i++
		case i == len(got) || key(got[i]) > key(want[j]):
			fmt.Fprintf(out, "%smissing: %s\n", indent, show(want[j]))
			j++
		default:
			g, w := got[i], want[j]
			g.Members, w.Members = nil, nil
			if show(g) != show(w) {
				fmt.Fprintf(out, "%sgot  %s\n%swant %s\n", indent, show(g), indent, show(w))
			}
			diffSubjects(out, indent+"  ", got[i].Members, want[j].Members)
			i, j = i+1, j+1
		}
	}
}

func show(s Subject) string {
	if len(s.Findings) == 0 {
		s.Findings = []Finding{}
	}
	if len(s.Closed) == 0 {
		s.Closed = []Closed{}
	}
	if len(s.Members) == 0 {
		s.Members = []Subject{}
	}
	out, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(out)
}
