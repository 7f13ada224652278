package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/macielake/macielake/internal/nearest"
)

// Config is what a file says. It is not changed once it is read, and safe for
// concurrent use.
type Config struct {
	Name   string // of the file, as the user wrote it
	SHA256 string // of its bytes, in hexadecimal
	Owners []Owner
	Accept []Accept
	// Accounts and Jobs are names of accounts and of jobs, by their IDs.
	Accounts, Jobs map[string]string

	identifiers map[string][]byte          // the IDs that stand for others
	replaced    map[string]map[string]bool // jobs that a job replaces
	keys        map[string]bool            // buckets whose keys are not generalised to places
	severities  map[string]string          // by type, or ID of a custom identifier
}

// Identifier returns the ID that stands for that of a custom identifier: itself where
// the file names no other. It and the methods below may be asked of a nil Config, which
// says nothing.
func (c *Config) Identifier(id []byte) []byte {
	if c != nil {
		if other, ok := c.identifiers[string(id)]; ok {
			return other
		}
	}
	return id
}

// Replaces reports whether a job looks for what another looked for before, which it
// replaced.
func (c *Config) Replaces(job, other string) bool { return c != nil && c.replaced[job][other] }

// Replacing reports whether a job replaces any.
func (c *Config) Replacing() bool { return c != nil && len(c.replaced) > 0 }

// AccountName returns an account as people know it: its ID, with its name where the
// file has one.
func (c *Config) AccountName(id string) string {
	if c == nil {
		return id
	}
	return named(c.Accounts, id)
}

// JobName returns a job as people know it: its ID, with its name where the file has one.
func (c *Config) JobName(id string) string {
	if c == nil {
		return id
	}
	return named(c.Jobs, id)
}

func named(names map[string]string, id string) string {
	if name := names[id]; name != "" {
		return id + " (" + name + ")"
	}
	return id
}

// Severity returns what the file says of a type, or of the ID of a custom identifier;
// empty where it says nothing.
func (c *Config) Severity(name []byte) string {
	if c == nil {
		return ""
	}
	return c.severities[string(name)]
}

// Generalises reports whether objects of a bucket are grouped to places.
func (c *Config) Generalises(bucket []byte) bool { return c == nil || !c.keys[string(bucket)] }

// Owner is a rule that says whose an object is. The first one that matches counts.
type Owner struct {
	Line int // in the file
	Name string
	// What it asks of an object; nil for nothing. Tags may be the object's or its
	// bucket's.
	account, bucket, key *regexp.Regexp
	Tags                 map[string]string
}

// Object is what rules look at. Absent texts are empty.
type Object struct {
	Account, Bucket, Key string
	// Tag returns the value of a tag of the object or of its bucket.
	Tag func(key string) (value string, ok bool)
}

// Accept is a rule that accepts findings.
type Accept struct {
	Line int // in the file
	// Fingerprint is that of the one finding it accepts, or Where is a filter.
	Fingerprint, Where string
	Reason, Owner      string
	Expires            time.Time // when it ends; zero for never
	Broad              bool      // it may accept more than MaxAccepted, or a whole account
	// As is what was known when it was accepted: what is worse isn't accepted. Nil for
	// what isn't known.
	As *As
}

// As is what was known of a finding, or of each of several, when it was accepted.
type As struct {
	Public, Unencrypted string // yes, no or unknown
	Severity            string // of its type; empty for none
	Count               int64  // of occurrences; 0 where it isn't known
}

// MaxAccepted is how many findings a rule may accept that isn't broad.
const MaxAccepted = 1000

// maxDays is for how many days a rule may accept anything.
const maxDays = 400

// maxBytes is how large a file may be.
const maxBytes = 4 << 20

// Error says what is wrong with a file, and where.
type Error struct {
	Name         string // of the file
	Line, Column int    // from 1; 0 where the whole file is wrong
	What         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Name, e.What)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.Name, e.Line, e.Column, e.What)
}

// Parse reads a file's bytes. Its error is an *Error. now is what the days of rules
// that accept something are counted from.
func Parse(name string, data []byte, now time.Time) (*Config, error) {
	p := &parser{name: name, now: now}
	c := &Config{Name: name}
	sum := sha256.Sum256(data)
	c.SHA256 = hex.EncodeToString(sum[:])
	if len(data) > maxBytes {
		return nil, &Error{Name: name, What: "it is larger than 4 MiB"}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, &Error{Name: name, What: strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	if len(root.Content) == 0 { // an empty file
		return c, nil
	}
	p.mapping(root.Content[0], map[string]func(*yaml.Node){
		"owners": func(n *yaml.Node) {
			p.list(n, func(n *yaml.Node) { c.Owners = append(c.Owners, p.owner(n)) })
		},
		"accept": func(n *yaml.Node) {
			p.list(n, func(n *yaml.Node) { c.Accept = append(c.Accept, p.accept(n)) })
		},
		"names": func(n *yaml.Node) {
			p.mapping(n, map[string]func(*yaml.Node){
				"accounts": func(n *yaml.Node) { c.Accounts = p.texts(n) },
				"jobs":     func(n *yaml.Node) { c.Jobs = p.texts(n) },
			})
		},
		"identifiers": func(n *yaml.Node) { c.identifiers = p.identifiers(n) },
		"jobs":        func(n *yaml.Node) { c.replaced = p.jobs(n) },
		"places":      func(n *yaml.Node) { c.keys = p.places(n) },
		"severity":    func(n *yaml.Node) { c.severities = p.severities(n) },
	})
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

// parser reads nodes. It keeps the first error.
type parser struct {
	name string
	now  time.Time
	err  error
}

func (p *parser) failf(n *yaml.Node, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{p.name, n.Line, n.Column, fmt.Sprintf(format, args...)}
	}
}

// mapping calls what is there for each key.
func (p *parser) mapping(n *yaml.Node, keys map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.failf(n, "want names with values, as in owners: …")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		take, ok := keys[key.Value]
		switch {
		case !ok:
			var names []string
			for name := range keys {
				names = append(names, name)
			}
			p.failf(key, "unknown name %q: %s", key.Value, nearest.Suggestion(key.Value, names))
		case seen[key.Value]:
			p.failf(key, "%s is there twice", key.Value)
		default:
			seen[key.Value] = true
			take(n.Content[i+1])
		}
	}
}

func (p *parser) list(n *yaml.Node, each func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		p.failf(n, "want a list, each entry after a dash")
		return
	}
	for _, item := range n.Content {
		each(item)
	}
}

func (p *parser) text(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.failf(n, "want a text")
		return ""
	}
	return n.Value
}

// entries calls take for each name of a mapping that the user chose, with its value.
func (p *parser) entries(n *yaml.Node, take func(name, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.failf(n, "want names with values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		if p.text(name); seen[name.Value] {
			p.failf(name, "%s is there twice", name.Value)
		}
		seen[name.Value] = true
		take(name, n.Content[i+1])
	}
}

func (p *parser) texts(n *yaml.Node) map[string]string {
	all := map[string]string{}
	p.entries(n, func(name, value *yaml.Node) { all[name.Value] = p.text(value) })
	return all
}

// identifiers reads which IDs of custom identifiers stand for which others.
func (p *parser) identifiers(n *yaml.Node) map[string][]byte {
	all := map[string][]byte{}
	p.entries(n, func(name, value *yaml.Node) {
		p.list(value, func(other *yaml.Node) {
			id := p.text(other)
			if _, twice := all[id]; twice || id == name.Value {
				p.failf(other, "%s is there twice", id)
			}
			all[id] = []byte(name.Value)
		})
	})
	p.entries(n, func(name, _ *yaml.Node) {
		if other, both := all[name.Value]; both {
			p.failf(name, "%s is one of %s's: name all of them there", name.Value, other)
		}
	})
	return all
}

// jobs reads which jobs each job replaces.
func (p *parser) jobs(n *yaml.Node) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	p.entries(n, func(name, value *yaml.Node) {
		replaced := map[string]bool{}
		p.mapping(value, map[string]func(*yaml.Node){
			"replaces": func(n *yaml.Node) {
				p.list(n, func(other *yaml.Node) {
					if replaced[p.text(other)] = true; other.Value == name.Value {
						p.failf(other, "a job can't replace itself")
					}
				})
			},
		})
		if all[name.Value] = replaced; len(replaced) == 0 {
			p.failf(value, "replaces is missing: the jobs that it replaces")
		}
	})
	return all
}

// places reads of which buckets each key is a place of its own.
func (p *parser) places(n *yaml.Node) map[string]bool {
	all := map[string]bool{}
	p.entries(n, func(name, value *yaml.Node) {
		if p.text(value) != "off" {
			p.failf(value, "want off: each object of the bucket is then a place of its own")
		}
		all[name.Value] = true
	})
	return all
}

// severityNames are those that AWS has.
var severityNames = []string{"Low", "Medium", "High"}

// severities reads how severe types are.
func (p *parser) severities(n *yaml.Node) map[string]string {
	all := map[string]string{}
	p.entries(n, func(name, value *yaml.Node) {
		if all[name.Value] = p.text(value); !slices.Contains(severityNames, value.Value) {
			p.failf(value, "want Low, Medium or High")
		}
	})
	return all
}

// pattern reads a text in which * stands for any number of characters and ? for one.
func (p *parser) pattern(n *yaml.Node) *regexp.Regexp {
	var re strings.Builder
	re.WriteString(`(?s)\A`)
	for _, r := range p.text(n) {
		switch r {
		case '*':
			re.WriteString(".*")
		case '?':
			re.WriteString(".")
		default:
			re.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	compiled, err := regexp.Compile(re.String() + `\z`)
	if err != nil {
		p.failf(n, "the pattern is too long")
	}
	return compiled
}

func (p *parser) owner(n *yaml.Node) Owner {
	o := Owner{Line: n.Line}
	p.mapping(n, map[string]func(*yaml.Node){
		"owner":   func(n *yaml.Node) { o.Name = p.text(n) },
		"account": func(n *yaml.Node) { o.account = p.pattern(n) },
		"bucket":  func(n *yaml.Node) { o.bucket = p.pattern(n) },
		"key":     func(n *yaml.Node) { o.key = p.pattern(n) },
		"tag":     func(n *yaml.Node) { o.Tags = p.texts(n) },
	})
	if o.Name == "" {
		p.failf(n, "owner is missing: whose what matches is")
	}
	return o
}

// never is what a rule says that doesn't expire.
const never = "never"

func (p *parser) accept(n *yaml.Node) Accept {
	a := Accept{Line: n.Line}
	expires := ""
	p.mapping(n, map[string]func(*yaml.Node){
		"fingerprint": func(n *yaml.Node) { a.Fingerprint = p.text(n) },
		"where":       func(n *yaml.Node) { a.Where = p.text(n) },
		"reason":      func(n *yaml.Node) { a.Reason = p.text(n) },
		"owner":       func(n *yaml.Node) { a.Owner = p.text(n) },
		"expires":     func(n *yaml.Node) { expires = p.text(n); p.expires(n, &a) },
		"broad": func(n *yaml.Node) {
			if err := n.Decode(&a.Broad); err != nil {
				p.failf(n, "want true or false")
			}
		},
		"as": func(n *yaml.Node) { a.As = p.as(n) },
	})
	switch {
	case (a.Fingerprint == "") == (a.Where == ""):
		p.failf(n, "fingerprint or where is missing: say what is accepted, by one of both")
	case a.Reason == "":
		p.failf(n, "reason is missing")
	case a.Owner == "":
		p.failf(n, "owner is missing: who accepted it")
	case expires == "":
		p.failf(n, "expires is missing: a day such as 2026-12-31, or never")
	}
	return a
}

// as reads what was known when a rule was made.
func (p *parser) as(n *yaml.Node) *As {
	var as As
	fact := func(to *string) func(*yaml.Node) {
		return func(n *yaml.Node) {
			if *to = p.text(n); !slices.Contains([]string{"yes", "no", "unknown"}, *to) {
				p.failf(n, "want yes, no or unknown")
			}
		}
	}
	p.mapping(n, map[string]func(*yaml.Node){
		"public":      fact(&as.Public),
		"unencrypted": fact(&as.Unencrypted),
		"type_severity": func(n *yaml.Node) {
			if as.Severity = p.text(n); !slices.Contains(severityNames, as.Severity) {
				p.failf(n, "want Low, Medium or High")
			}
		},
		"count": func(n *yaml.Node) {
			if err := n.Decode(&as.Count); err != nil || as.Count < 1 {
				p.failf(n, "want a number of occurrences")
			}
		},
	})
	return &as
}

// expires reads until when a rule accepts: to the end of a day.
func (p *parser) expires(n *yaml.Node, a *Accept) {
	if n.Value == never {
		return
	}
	day, err := time.Parse(time.DateOnly, n.Value)
	switch {
	case err != nil:
		p.failf(n, "want a day such as 2026-12-31, or never")
	case day.Sub(p.now) > maxDays*24*time.Hour:
		p.failf(n, "%s is more than %d days away: write never for what doesn't end", n.Value, maxDays)
	}
	a.Expires = day.AddDate(0, 0, 1)
}

// Expired reports whether the rule has ended.
func (a *Accept) Expired(now time.Time) bool { return !a.Expires.IsZero() && !now.Before(a.Expires) }

// Until is when the rule ends, as it is written.
func (a *Accept) Until() string {
	if a.Expires.IsZero() {
		return never
	}
	return a.Expires.AddDate(0, 0, -1).Format(time.DateOnly)
}

// OwnerNames returns the owners that rules name, in the order of the rules.
func (c *Config) OwnerNames() []string {
	var names []string
	for i := range c.Owners {
		if name := c.Owners[i].Name; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// OwnerOf returns whose an object is; empty if no rule says.
func (c *Config) OwnerOf(o *Object) string {
	for i := range c.Owners {
		if c.Owners[i].matches(o) {
			return c.Owners[i].Name
		}
	}
	return ""
}

func (r *Owner) matches(o *Object) bool {
	for _, m := range [...]struct {
		re   *regexp.Regexp
		text string
	}{{r.account, o.Account}, {r.bucket, o.Bucket}, {r.key, o.Key}} {
		if m.re != nil && !m.re.MatchString(m.text) {
			return false
		}
	}
	for key, want := range r.Tags {
		if value, ok := o.Tag(key); !ok || value != want {
			return false
		}
	}
	return true
}
