package where

import (
	"errors"
	"strings"
	"testing"
)

func testFields() []Field {
	return []Field{
		{Name: "type"}, {Name: "bucket"}, {Name: "count", Kind: Int}, {Name: "public", Kind: Bool},
		{Name: "created_at", Kind: Time}, {Name: "tag", Kind: Map}, {Name: "empty"},
		{Name: "prefix", Kind: Map, Check: func(key string) error {
			if key != "1" {
				return errors.New("want a depth")
			}
			return nil
		}},
	}
}

// testRow is type=CREDIT_CARD_NUMBER, bucket=hr-data, count=100, public=true,
// created_at=2026-03-01T12:00:00Z, tag:owner=it's, prefix:1=a; the rest is null.
func testRow(field int, key string) Value {
	switch field {
	case 0:
		return TextValue([]byte("CREDIT_CARD_NUMBER"))
	case 1:
		return TextValue([]byte("hr-data"))
	case 2:
		return IntValue(100)
	case 3:
		return BoolValue(true)
	case 4:
		return IntValue(1772366400000000)
	case 5:
		if key == "owner" {
			return TextValue([]byte("it's"))
		}
		if key == "cost centre" {
			return TextValue(nil)
		}
	case 7:
		return TextValue([]byte("a"))
	}
	return Value{}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter string
		want   bool
	}{
		{"type=CREDIT_CARD_NUMBER and bucket~'^hr-' and count>=100", true},
		{"type = 'CREDIT_CARD_NUMBER'", true},
		{`type = "CREDIT_CARD_NUMBER"`, true},
		{"type=credit_card_number", false},
		{"type!=CREDIT_CARD_NUMBER", false},
		{"type!=X", true},
		{"bucket<hr-datb", true},
		{"bucket<hr-data", false},
		{"bucket<=hr-data", true},
		{"bucket>hr-data", false},
		{"bucket>hr-dat", true},
		{"bucket>=hr-data", true},
		{"bucket~data", true},
		{"bucket~^data", false},
		{"bucket!~^data", true},
		{"bucket in (a, 'hr-data')", true},
		{"bucket not in (a, 'hr-data')", false},
		{"bucket in (a)", false},
		{"count=100", true},
		{"count!=100", false},
		{"count<100", false},
		{"count<=100", true},
		{"count>100", false},
		{"count>99", true},
		{"count>-1", true},
		{"count in (1,100)", true},
		{"count not in (1,100)", false},
		{"count>9223372036854775807", false},
		{"count<-9223372036854775808", false},
		{"public=true", true},
		{"public=FALSE", false},
		{"public!=false", true},
		{"created_at=2026-03-01", true},
		{"created_at=2026-02-28", false},
		{"created_at<2026-03-01", false},
		{"created_at<=2026-03-01", true},
		{"created_at>2026-03-01", false},
		{"created_at>2026-02-28", true},
		{"created_at>=2026-03-01", true},
		{"created_at=2026-03-01T12:00:00Z", true},
		{"created_at='2026-03-01 13:00:00+01:00'", true},
		{"created_at>2026-03-01T12:00:00Z", false},
		{"created_at in (2026-01-01, 2026-03-01)", true},
		{"tag:owner='it''s'", true},
		{`tag:"owner"="it's"`, true},
		{"tag:'cost centre'=''", true},
		{"tag:other is null", true},
		{"prefix:1=a", true},
		// Null is neither equal nor unequal.
		{"empty=a", false},
		{"empty!=a", false},
		{"empty~a", false},
		{"empty!~a", false},
		{"empty<a", false},
		{"empty in (a)", false},
		{"empty not in (a)", false},
		{"not empty=a", false},
		{"not (empty=a and type=X)", true},
		{"not (empty=a or type=X)", false},
		{"empty=a or count=100", true},
		{"count=100 and empty=a", false},
		{"empty is null", true},
		{"empty is not null", false},
		{"type is null", false},
		{"not type is null", true},
		{"empty!=a or empty is null", true},
		// "and" binds more tightly than "or", "not" most.
		{"count=100 or count=1 and count=2", true},
		{"(count=100 or count=1) and count=2", false},
		{"not count=1 and count=100", true},
		{"NOT (count=1 OR count=2) AND type IS NOT NULL", true},
		{"not not count=100", true},
		{"((count=100))", true},
	} {
		f, err := Parse(c.filter, testFields())
		if err != nil {
			t.Errorf("%s: %v", c.filter, err)
			continue
		}
		if got := f.Match(testRow); got != c.want {
			t.Errorf("%s: %v", c.filter, got)
		}
	}
}

func TestFields(t *testing.T) {
	f, err := Parse("count>1 and (type=a or not type=b) and tag:x is null", testFields())
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Fields(); len(got) != 3 || got[0] != 0 || got[1] != 2 || got[2] != 5 {
		t.Errorf("got %v", got)
	}
	if got := f.Keys(5); len(got) != 1 || got[0] != "x" {
		t.Errorf("got keys %v", got)
	}
}

func TestAnd(t *testing.T) {
	parse := func(s string) *Filter {
		f, err := Parse(s, testFields())
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	both := And(parse("count=100 or tag:x is null"), nil, parse("tag:owner~it"))
	if !both.Match(testRow) || len(both.Fields()) != 2 || len(both.Keys(5)) != 2 {
		t.Errorf("fields %v, keys %v", both.Fields(), both.Keys(5))
	}
	if And(parse("count=100"), parse("count=1")).Match(testRow) {
		t.Error("matches although one filter is false")
	}
	if And(nil, nil) != nil {
		t.Error("nil filters give a filter")
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, c := range []struct {
		filter  string
		column  int
		problem string
	}{
		{"", 1, "empty"},
		{"  ", 3, "empty"},
		{"typ=a", 1, `unknown field "typ": did you mean type, `},
		{"type=a and typ=b", 12, "unknown field"},
		{"type", 5, "ends here: want ="},
		{"type=", 6, "want a value"},
		{"type a", 6, "want ="},
		{"type==a", 6, "want a value"},
		{"type!a", 5, "want ="},
		{"type=a b", 8, `want "and"`},
		{"type=a and", 11, "want a field"},
		{"type=a)", 7, `want "and"`},
		{"(type=a", 8, `")"`},
		{"()", 2, "want a field"},
		{"type='a", 6, "no end"},
		{"type=null", 6, "is null"},
		{"type is nul", 9, `want "null"`},
		{"type not like a", 10, `want "in"`},
		{"type in a", 9, `want "("`},
		{"type in ()", 10, "want a value"},
		{"type in (a b)", 12, `want ","`},
		{"type:x=a", 5, "takes no key"},
		{"tag=a", 4, "tag needs a key, for example tag:KEY"},
		{"prefix:2=a", 8, "want a depth"},
		{"count=x", 7, "want a number"},
		{"count=9223372036854775808", 7, "want a number"},
		{"count in (1,x)", 13, "want a number"},
		{"count~1", 6, "for text"},
		{"public=1", 8, "want true or false"},
		{"public<true", 7, "want = or !="},
		{"created_at>yesterday", 12, "want a date"},
		{"bucket~'('", 8, "doesn't parse"},
		{"bucket~'(?=a)'", 8, "doesn't parse"},
		{`bucket~'(((a{1,1000}){1,100}){1,9})'`, 8, "doesn't parse"},
		{`bucket~'([\pL\pN]{500}){2}' and type~'(\pL{9}){99}' and type~'(((x|y)z*){30}){30}' and type~'(((x|y)z*){31}){31}' and type~'(((x|y)z*){31}){32}' and type~'(((x|y)z*){30}){32}'`, 0, "too large"},
		{"type='ä' und type=b", 10, `want "and"`},
		{"type=a\xffb", 7, "isn't UTF-8"},
		{strings.Repeat("(", 101) + "type=a", 101, "nested deeper"},
		{strings.Repeat("not ", 101) + "type=a", 401, "nested deeper"},
		{"type=" + strings.Repeat("a", 70_000), 1, "bytes"},
	} {
		_, err := Parse(c.filter, testFields())
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.80q: got %v", c.filter, err)
			continue
		}
		if syntax.Column != c.column && c.column != 0 || !strings.Contains(syntax.Problem, c.problem) {
			t.Errorf("%.80q: column %d: %s", c.filter, syntax.Column, syntax.Problem)
		}
	}
}

func TestCaret(t *testing.T) {
	plain := func(s string) string { return strings.ReplaceAll(s, "\x1b", `\x1b`) }
	width := func(s string) int { return len([]rune(s)) }
	for _, c := range []struct{ filter, want string }{
		{"type=a and typ=b", "type=a and typ=b\n           ^"},
		{"type='ä\x1b' x=b", "type='ä\\x1b' x=b\n             ^"},
		{"type=", "type=\n     ^"},
		{
			"type in (" + strings.Repeat("a,", 100) + "(" + strings.Repeat("b", 100),
			"…" + strings.Repeat("a,", 25) + "(" + strings.Repeat("b", 19) + "…\n" + strings.Repeat(" ", 51) + "^",
		},
	} {
		_, err := Parse(c.filter, testFields())
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v", c.filter, err)
			continue
		}
		if got := syntax.Caret(plain, width); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"type=CREDIT_CARD_NUMBER and bucket~'^hr-' and count>=100",
		"not (public=true or tag:'a b' is not null) and created_at<2026-01-01",
		`type in ("a", 'b''c', d) or count not in (1, 2)`, "prefix:1!~x", "type='", "((", "count<=-5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		filter, err := Parse(s, testFields())
		if err != nil {
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("%T: %v", err, err)
			}
			if n := len([]rune(s)); syntax.Column < 1 || syntax.Column > n+1 {
				t.Fatalf("column %d of %d", syntax.Column, n)
			}
			caret := syntax.Caret(func(s string) string { return s }, func(s string) int { return len(s) })
			if !strings.HasSuffix(caret, "^") {
				t.Fatalf("%q", caret)
			}
			return
		}
		// A filter in parentheses has the same answer, and its negation isn't true
		// where it is.
		parenthesized, err := Parse("("+s+")", testFields())
		if err != nil {
			return // nested too deeply
		}
		negated, err := Parse("not ("+s+")", testFields())
		if err != nil {
			return
		}
		got := filter.Match(testRow)
		if parenthesized.Match(testRow) != got || got && negated.Match(testRow) {
			t.Fatalf("%q: %v, in parentheses %v, negated %v", s, got, parenthesized.Match(testRow), negated.Match(testRow))
		}
		filter.Match(func(int, string) Value { return Value{} })
	})
}
