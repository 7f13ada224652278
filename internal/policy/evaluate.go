package policy

import (
	"slices"
	"strings"
)

// Request is a request that a policy is asked about.
type Request struct {
	// Principal is who asks, by kind: "Service" and a name, "AWS" and an ARN.
	Kind, Principal string
	Action          string
	Resource        string // ARN
	// Context has the condition keys that are known, by their lower-case names.
	// One with an empty value is known to be absent; one that isn't here isn't
	// known.
	Context map[string]string
}

// Truth is yes, no, or not known.
type Truth uint8

// Truths. Of two that must both hold, the lesser counts.
const (
	No Truth = iota
	Maybe
	Yes
)

// Verdict is what a policy says to a request.
type Verdict struct {
	Allowed Truth
	// Denied is of statements that deny, and win over those that allow.
	Denied Truth
	// By names the statement that decided, where one did: its Sid, or its
	// number.
	By string
	// Unknown is the first condition key that decided nothing because its value
	// isn't known.
	Unknown string
}

// Evaluate says whether the policy allows and denies a request (IAM user guide,
// "Policy evaluation logic"). It sees this policy alone.
func (d *Document) Evaluate(r Request) Verdict {
	var v Verdict
	for i := range d.Statement {
		s := &d.Statement[i]
		applies, unknown := s.applies(&r)
		if applies == No {
			continue
		}
		to := &v.Allowed
		if s.Effect == Deny {
			to = &v.Denied
		}
		if applies <= *to {
			continue
		}
		*to = applies
		if s.Effect == Deny || v.Denied == No {
			v.By = s.name(i)
		}
		if applies == Maybe && v.Unknown == "" {
			v.Unknown = unknown
		}
	}
	return v
}

// Permits is Allowed and not Denied.
func (v Verdict) Permits() Truth { return min(v.Allowed, not(v.Denied)) }

func not(t Truth) Truth { return Yes - t }

func (s *Statement) applies(r *Request) (Truth, string) {
	if s.Principal != nil && !s.Principal.has(r) || s.NotPrincipal != nil && s.NotPrincipal.has(r) ||
		!matchAny(s.Action, s.NotAction, r.Action, matchAction) ||
		!matchAny(s.Resource, s.NotResource, r.Resource, match) {
		return No, ""
	}
	all, unknown := Yes, ""
	for operator, keys := range s.Condition {
		for key, values := range keys {
			t := holds(operator, r.Context, strings.ToLower(key), values)
			all = min(all, t)
			if t == Maybe && (unknown == "" || key < unknown) {
				unknown = key // the first by name: maps have no order
			}
		}
	}
	return all, unknown
}

func matchAny(patterns, notPatterns List, s string, match func(pattern, s string) bool) bool {
	if notPatterns != nil {
		return !slices.ContainsFunc(notPatterns, func(p string) bool { return match(p, s) })
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, s) })
}

func (p *Principal) has(r *Request) bool {
	if p.Anyone {
		return true
	}
	return slices.ContainsFunc(p.ByKind[r.Kind], func(name string) bool {
		// An account stands for all in it.
		return name == "*" || name == r.Principal ||
			r.Kind == "AWS" && account(name) != "" && account(name) == account(r.Principal) && (!strings.Contains(name, ":") || strings.HasSuffix(name, ":root"))
	})
}

// account is that of a principal: an ARN, or the bare number.
func account(principal string) string {
	if parts := strings.SplitN(principal, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	if len(principal) == 12 && strings.Trim(principal, "0123456789") == "" {
		return principal
	}
	return ""
}

// operators are how a value is compared with one of the policy's. Those that
// aren't here decide nothing.
func operators(name string) (compare func(pattern, s string) bool, negative bool) {
	switch name {
	case "StringEquals":
		return func(p, s string) bool { return p == s }, false
	case "StringNotEquals":
		return func(p, s string) bool { return p == s }, true
	case "StringEqualsIgnoreCase", "Bool":
		return strings.EqualFold, false
	case "StringNotEqualsIgnoreCase":
		return strings.EqualFold, true
	case "StringLike":
		return match, false
	case "StringNotLike":
		return match, true
	case "ArnEquals", "ArnLike":
		return matchARN, false
	case "ArnNotEquals", "ArnNotLike":
		return matchARN, true
	}
	return nil, false
}

// holds says whether a condition holds (IAM user guide, "IAM JSON policy
// elements: Condition operators").
func holds(operator string, context map[string]string, key string, values List) Truth {
	value, known := context[key]
	if !known {
		return Maybe
	}
	if operator == "Null" {
		absent := "false"
		if value == "" {
			absent = "true"
		}
		return truth(slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, absent) }))
	}
	base, ifExists := strings.CutSuffix(operator, "IfExists")
	every := false
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		base, every = rest, true
	}
	base = strings.TrimPrefix(base, "ForAnyValue:")
	compare, negative := operators(base)
	switch {
	case compare == nil:
		return Maybe
	case value == "": // absent: a negative operator holds, a positive doesn't
		return truth(negative || ifExists || every)
	}
	found := slices.ContainsFunc(values, func(v string) bool { return compare(v, value) })
	if !found && slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "${") }) {
		return Maybe // a variable
	}
	return truth(found != negative)
}

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}
