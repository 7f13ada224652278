package currenttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/awsvalues"
)

// Vector is a small case: results, and the state they are in.
type Vector struct {
	Name    string // of the file and the case in it
	Reason  string // why the state is this
	Page    string // the AWS page that the reason rests on
	Results []Result
	State   []Subject
}

// Load reads the vectors in the *.json files of a directory, each of which holds
// a list of cases, and fills in the defaults of docs/current.md: a subject that a
// case says nothing else of is analysed, neither public nor unencrypted, and has
// no findings; a finding is confirmed, without locations, and has the severity
// that AWS publishes for its type and count.
func Load(dir string) ([]Vector, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var all []Vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var cases []struct {
			Name, Reason, Page string
			Results            []Result
			State              []vectorSubject
		}
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&cases); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, c := range cases {
			v := Vector{
				Name:   strings.TrimSuffix(filepath.Base(file), ".json") + ": " + c.Name,
				Reason: c.Reason, Page: c.Page, Results: c.Results,
			}
			for i := range v.Results {
				if v.Results[i].ID == nil {
					id := fmt.Sprintf("r%d", i+1)
					v.Results[i].ID = &id
				}
				if *v.Results[i].ID == "" { // what a vector writes for an absent one
					v.Results[i].ID = nil
				}
			}
			for _, s := range c.State {
				v.State = append(v.State, s.subject("", v.Results[0].Bucket))
			}
			all = append(all, v)
		}
	}
	return all, nil
}

// vectorSubject is a subject as a vector writes it.
type vectorSubject struct {
	Object, Standing, Severity string
	Member                     *string
	Analysed                   string
	NotAnalysed                string `json:"not_analysed"`
	Gone                       bool
	Public, Unencrypted        string
	Findings                   map[string]json.RawMessage
	Closed                     map[string]string
	Members                    []vectorSubject
}

// subject returns the whole of it. Objects are written as KEY where the bucket is
// that of the first result.
func (v vectorSubject) subject(object string, bucket *string) Subject {
	s := Subject{
		Object: object, Standing: v.Standing, Analysed: or(v.Analysed, "complete"), NotAnalysed: v.NotAnalysed,
		Gone: v.Gone, Public: or(v.Public, "no"), Unencrypted: or(v.Unencrypted, "no"), Severity: v.Severity,
	}
	if v.Gone {
		s.Public, s.Unencrypted = or(v.Public, "unknown"), or(v.Unencrypted, "unknown")
	}
	if object == "" {
		s.Object = v.Object
		if !strings.Contains(s.Object, "/") {
			s.Object = text(bucket) + "/" + s.Object
		}
	} else {
		s.Member = text(v.Member)
	}
	for name, data := range v.Findings {
		f := struct {
			State, Cause, Severity      string
			Count, Locations, Unlocated Number
		}{State: "confirmed", Locations: "0"}
		if bytes.HasPrefix(data, []byte("{")) {
			if err := json.Unmarshal(data, &f); err != nil {
				panic(fmt.Sprintf("%s, finding %s: %v", s.Object, name, err))
			}
		} else {
			f.Count = Number(data)
		}
		if f.Unlocated == "" {
			f.Unlocated = "0"
			if left := f.Count.big(); left.Sub(left, f.Locations.big()).Sign() > 0 {
				f.Unlocated = Number(left.String())
			}
		}
		if f.Cause == "" && f.Unlocated != "0" && f.Locations == "0" {
			f.Cause = "none"
		}
		id := identifierOf(name)
		if f.Severity == "" && f.Count.big().IsInt64() && !strings.HasPrefix(id, "custom/") {
			f.Severity = awsvalues.TypeSeverity(id[strings.Index(id, "/")+1:], f.Count.big().Int64()).String()
		}
		s.Findings = append(s.Findings, Finding{
			id, f.State, Number(f.Count.big().String()), f.Locations, f.Unlocated, f.Cause, f.Severity,
		})
	}
	for name, state := range v.Closed {
		s.Closed = append(s.Closed, Closed{identifierOf(name), state})
	}
	for _, m := range v.Members {
		s.Members = append(s.Members, m.subject(s.Object, nil))
	}
	return s
}

// identifierOf completes a type's name with its category.
func identifierOf(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	d, err := readDetection(name, json.RawMessage("null"))
	if err != nil {
		panic(err)
	}
	return Identifier(false, d.Category, d.Type)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
