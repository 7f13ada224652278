package currenttest

import (
	"net/url"
	"testing"
)

func vectors(t *testing.T) []Vector {
	t.Helper()
	all, err := Load("../../testdata/current")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The model gives what the vectors say by hand.
func TestModelAgreesWithVectors(t *testing.T) {
	for _, v := range vectors(t) {
		if diff := Diff(Model(v.Results), v.State); diff != "" {
			t.Errorf("%s\n%s", v.Name, diff)
		}
	}
}

func TestVectors(t *testing.T) {
	all := vectors(t)
	if len(all) < 80 {
		t.Errorf("%d vectors", len(all))
	}
	seen := map[string]bool{}
	for _, v := range all {
		page, err := url.Parse(v.Page)
		if err != nil || page.Host != "docs.aws.amazon.com" || v.Reason == "" || seen[v.Name] || len(v.State) == 0 {
			t.Errorf("%s: needs a name of its own, a reason, an AWS page and a state", v.Name)
		}
		seen[v.Name] = true
	}
}

// Random results reach every kind of state, so that comparing them means
// something.
func TestRandomReachesEverything(t *testing.T) {
	reached := map[string]int{}
	for seed := range uint64(300) {
		for _, s := range Model(Random(seed)) {
			for _, s := range append(s.Members, s) {
				reached["analysed "+s.Analysed]++
				reached["public "+s.Public]++
				reached["unencrypted "+s.Unencrypted]++
				reached["severity "+s.Severity]++
				if s.Gone {
					reached["gone"]++
				}
				if s.NotAnalysed != "" && s.Analysed != "no" {
					reached["not analysed as it is now"]++
				}
				if s.Member != "" {
					reached["member"]++
				} else if len(s.Members) > 0 {
					reached["archive"]++
				}
				for _, f := range s.Findings {
					reached["finding "+f.State]++
					reached["cause "+f.Cause]++
				}
				for _, c := range s.Closed {
					reached["closed "+c.State]++
				}
			}
		}
	}
	for _, kind := range []string{
		"analysed complete", "analysed partial", "analysed no", "public yes", "public no", "public unknown",
		"unencrypted yes", "unencrypted no", "unencrypted unknown", "severity High", "severity Critical", "severity ",
		"gone", "not analysed as it is now", "member", "archive", "finding confirmed", "finding unconfirmed",
		"cause limit", "cause none", "cause unknown", "closed resolved", "closed gone",
	} {
		if reached[kind] < 20 {
			t.Errorf("%s: only %d times", kind, reached[kind])
		}
	}
	t.Log(reached)
}

// Diff finds a difference in every field.
func TestDiff(t *testing.T) {
	whole := func() []Subject {
		return []Subject{{
			Object: "b/z", Standing: "r1", Analysed: "complete", NotAnalysed: "X", Public: "no", Unencrypted: "no", Severity: "Low",
			Findings: []Finding{{"A/B", "confirmed", "1", "0", "1", "none", "Low"}}, Closed: []Closed{{"C/D", "gone"}},
			Members: []Subject{{Object: "b/z", Member: "m"}},
		}, {Object: "b/a"}}
	}
	if diff := Diff(whole(), whole()); diff != "" {
		t.Error(diff)
	}
	for i, change := range []func(s *Subject){
		func(s *Subject) { s.Object = "b/y" }, func(s *Subject) { s.Standing = "r2" }, func(s *Subject) { s.Analysed = "no" },
		func(s *Subject) { s.NotAnalysed = "" }, func(s *Subject) { s.Gone = true }, func(s *Subject) { s.Public = "yes" },
		func(s *Subject) { s.Unencrypted = "yes" }, func(s *Subject) { s.Severity = "" }, func(s *Subject) { s.Findings = nil },
		func(s *Subject) { s.Findings[0].Identifier = "A/C" }, func(s *Subject) { s.Findings[0].State = "unconfirmed" },
		func(s *Subject) { s.Findings[0].Count = "2" }, func(s *Subject) { s.Findings[0].Locations = "1" },
		func(s *Subject) { s.Findings[0].Unlocated = "0" }, func(s *Subject) { s.Findings[0].Cause = "limit" },
		func(s *Subject) { s.Findings[0].Severity = "High" }, func(s *Subject) { s.Closed[0].State = "resolved" },
		func(s *Subject) { s.Closed = nil }, func(s *Subject) { s.Members = nil }, func(s *Subject) { s.Members[0].Gone = true },
		func(s *Subject) { s.Members = append(s.Members, Subject{Member: "n"}) },
	} {
		changed := whole()
		change(&changed[0])
		if Diff(changed, whole()) == "" || Diff(whole(), changed) == "" {
			t.Errorf("change %d isn't found", i)
		}
	}
}

// Joined sets say the same as each by itself.
func TestJoin(t *testing.T) {
	var sets [][]Result
	for _, v := range vectors(t)[:40] {
		sets = append(sets, v.Results)
	}
	for seed := range uint64(10) {
		sets = append(sets, Random(seed))
	}
	split, err := Split(Model(Join(sets)), sets)
	if err != nil {
		t.Fatal(err)
	}
	for i, set := range sets {
		if diff := Diff(split[i], Model(set)); diff != "" {
			t.Errorf("set %d\n%s", i, diff)
		}
	}
}
