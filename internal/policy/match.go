package policy

import "strings"

// match reports whether s is what a pattern says: * is any text, ? any character.
// It takes time in proportion to the product of the lengths, whatever the pattern.
func match(pattern, s string) bool {
	p, i := 0, 0
	star, from := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// matchARN is match by the six parts of an ARN, none of whose wildcards reaches
// into the next part (IAM user guide, "Amazon Resource Name (ARN) condition
// operators").
func matchARN(pattern, s string) bool {
	patterns, parts := strings.SplitN(pattern, ":", 6), strings.SplitN(s, ":", 6)
	if len(patterns) != 6 || len(parts) != 6 {
		return false
	}
	for i := range patterns {
		if !match(patterns[i], parts[i]) {
			return false
		}
	}
	return true
}

// matchAction matches without regard to case, as actions are.
func matchAction(pattern, action string) bool {
	return match(strings.ToLower(pattern), strings.ToLower(action))
}
