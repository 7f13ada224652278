package policy

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abbd", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*b*", "abc", true}, {"a", "ab", false}, {"ab*", "a", false},
		{"*a*b*c", "xaxbxbxc", true}, {"**", "x", true},
	} {
		if got := match(c.pattern, c.s); got != c.want {
			t.Errorf("%q against %q: %v", c.pattern, c.s, got)
		}
	}
	if match(strings.Repeat("*a", 2000)+"b", strings.Repeat("a", 5000)) {
		t.Error("matches")
	}
	if !matchARN("arn:aws:macie2:*:1:export-configuration:*", "arn:aws:macie2:eu-west-1:1:export-configuration:automated") {
		t.Error("the last part of an ARN may hold colons")
	}
	if matchARN("arn:aws:macie2:*", "arn:aws:macie2:eu-west-1:1:x") {
		t.Error("a wildcard reached into the next part")
	}
}

func TestEvaluate(t *testing.T) {
	const allow = `{"Sid":"A","Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`
	for name, c := range map[string]struct {
		statements      string
		context         map[string]string
		allowed, denied Truth
		by, unknown     string
	}{
		"nothing":           {statements: ``},
		"allowed":           {statements: allow, allowed: Yes, by: "A"},
		"one, not a list":   {statements: `one`, allowed: Yes, by: "statement 1"},
		"deny wins":         {statements: allow + `,{"Sid":"D","Effect":"Deny","Principal":"*","NotAction":"s3:Put*","Resource":["arn:aws:s3:::b/*"]}`, allowed: Yes, denied: Yes, by: "D"},
		"deny before allow": {statements: `{"Sid":"D","Effect":"Deny","Principal":{"Service":["x.amazonaws.com","macie.amazonaws.com"]},"Action":["s3:getobject"],"NotResource":"arn:aws:s3:::c"},` + allow, allowed: Yes, denied: Yes, by: "D"},
		"another service":   {statements: `{"Effect":"Allow","Principal":{"Service":"x.amazonaws.com"},"Action":"s3:*","Resource":"*"}`},
		"not principal":     {statements: `{"Effect":"Allow","NotPrincipal":{"Service":"macie.amazonaws.com"},"Action":"s3:*","Resource":"*"}`},
		"condition holds": {
			statements: conditional(`{"StringEquals":{"aws:SourceAccount":["1","2"]},"Bool":{"aws:SecureTransport":true}}`),
			context:    map[string]string{"aws:sourceaccount": "2", "aws:securetransport": "true"}, allowed: Yes, by: "C",
		},
		"condition doesn't": {
			statements: conditional(`{"StringEquals":{"AWS:SOURCEACCOUNT":["1","2"]}}`), context: map[string]string{"aws:sourceaccount": "3"},
		},
		"not known":           {statements: conditional(`{"StringEquals":{"aws:SourceVpc":"vpc-1","aws:Other":"x"}}`), allowed: Maybe, by: "C", unknown: "aws:Other"},
		"false beats unknown": {statements: conditional(`{"StringEquals":{"aws:SourceVpc":"vpc-1","aws:SourceAccount":"1"}}`), context: map[string]string{"aws:sourceaccount": "3"}},
		"absent":              {statements: conditional(`{"StringLike":{"aws:SourceAccount":"*"}}`), context: map[string]string{"aws:sourceaccount": ""}},
		"absent, negative":    {statements: conditional(`{"StringNotEquals":{"aws:SourceAccount":"1"}}`), context: map[string]string{"aws:sourceaccount": ""}, allowed: Yes, by: "C"},
		"absent, if exists":   {statements: conditional(`{"StringEqualsIfExists":{"aws:SourceAccount":"1"}}`), context: map[string]string{"aws:sourceaccount": ""}, allowed: Yes, by: "C"},
		"null":                {statements: conditional(`{"Null":{"aws:SourceAccount":"true"}}`), context: map[string]string{"aws:sourceaccount": ""}, allowed: Yes, by: "C"},
		"not null":            {statements: conditional(`{"Null":{"aws:SourceAccount":"true"}}`), context: map[string]string{"aws:sourceaccount": "1"}},
		"variable":            {statements: conditional(`{"StringEquals":{"aws:SourceAccount":"${aws:PrincipalAccount}"}}`), context: map[string]string{"aws:sourceaccount": "1"}, allowed: Maybe, by: "C", unknown: "aws:SourceAccount"},
		"strange operator":    {statements: conditional(`{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`), context: map[string]string{"aws:sourceip": "10.1.1.1"}, allowed: Maybe, by: "C", unknown: "aws:SourceIp"},
		"arn like":            {statements: conditional(`{"ArnLike":{"aws:SourceArn":"arn:aws:macie2:*:1:classification-job/*"}}`), context: map[string]string{"aws:sourcearn": "arn:aws:macie2:eu-west-1:1:classification-job/x"}, allowed: Yes, by: "C"},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"Version":"2012-10-17","Statement":[` + c.statements + `]}`
			if c.statements == "one" {
				text = `{"Statement":{"Effect":"Allow","Principal":{"Service":"macie.amazonaws.com"},"Action":"s3:*","Resource":"*"}}`
			}
			d, err := Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			got := d.Evaluate(Request{
				Kind: "Service", Principal: "macie.amazonaws.com", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: c.context,
			})
			if want := (Verdict{c.allowed, c.denied, c.by, c.unknown}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			// What is written again means the same.
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if len(again.Statement) != len(d.Statement) {
				t.Errorf("%s", data)
			}
		})
	}
}

func conditional(condition string) string {
	return `{"Sid":"C","Effect":"Allow","Principal":{"Service":"macie.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":` + condition + `}`
}

func TestAccounts(t *testing.T) {
	for principal, want := range map[string]bool{
		"arn:aws:iam::111122223333:root": true, "111122223333": true, "*": true,
		"arn:aws:iam::111122223333:user/me": true, "arn:aws:iam::111122223333:user/you": false, "444455556666": false,
	} {
		d := Document{Statement: []Statement{{
			Effect: Allow, Principal: &Principal{ByKind: map[string]List{"AWS": {principal}}}, Action: List{"s3:*"}, Resource: List{"*"},
		}}}
		got := d.Evaluate(Request{Kind: "AWS", Principal: "arn:aws:iam::111122223333:user/me", Action: "s3:GetObject", Resource: "x"}).Permits() == Yes
		if got != want {
			t.Errorf("%s: %v", principal, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `[]`, `{"Statement":[{"Effect":"Perhaps"}]}`, `{"Statement":[{"Effect":"Allow","Extra":1}]}`,
		`{"Statement":[]} x`, `{"Statement":[{"Effect":"Allow","Action":[["x"]]}]}`, `{"Statement":[{"Effect":"Allow","Action":null}]}`,
		`{"Statement":[{"Effect":"Allow","Principal":"me"}]}`,
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

// Whatever a bucket's owner writes, it is an error or has a verdict.
func FuzzEvaluate(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`)
	f.Add(`{"Statement":[` + conditional(`{"ForAllValues:StringNotLikeIfExists":{"aws:x":["a*","${b}"]},"Null":{"y":false}}`) + `]}`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse([]byte(text))
		if err != nil {
			return
		}
		v := d.Evaluate(Request{Kind: "Service", Principal: "macie.amazonaws.com", Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", Context: map[string]string{"aws:x": "1"}})
		if v.Permits() > Yes {
			t.Errorf("%+v", v)
		}
	})
}
