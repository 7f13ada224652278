package rows

import (
	"bytes"
	"encoding/csv"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/macielake/macielake/pkg/schema"
)

func TestCSVCells(t *testing.T) {
	for in, want := range map[string]string{
		"": `""`, "abc": "abc", "a,b": `"a,b"`, `a"b`: `"a""b"`, "a\r\nb": "\"a\r\nb\"", " a": `" a"`, "a ": `"a "`,
		"=1+1": `"'=1+1"`, "+1": "+1", "-12.5": "-12.5", "-": `"'-"`, "-1-1": `"'-1-1"`, "+1.": `"'+1."`, "-.5": `"'-.5"`,
		"@x": `"'@x"`, "\tx": "\"'\tx\"", "\rx": "\"'\rx\"", "\nx": "\"'\nx\"", `=HYPERLINK("x")`: `"'=HYPERLINK(""x"")"`,
		"a=b": "a=b", "日本": "日本",
	} {
		f := &csvFormat{columns: make([]schema.Column, 2)}
		if got := string(f.value(nil, schema.Text, Value{Set: true, Text: []byte(in)})); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		f.Raw = true
		if got := string(f.value(nil, schema.Text, Value{Set: true, Text: []byte(in)})); strings.Contains(got, "'") {
			t.Errorf("%q: raw is %s", in, got)
		}
	}
	f := &csvFormat{columns: make([]schema.Column, 2)}
	if got := f.value(nil, schema.Int64, Value{Set: true, Int: -5}); string(got) != "-5" {
		t.Errorf("a number became %s", got)
	}
	if got := f.value(nil, schema.Text, Value{}); len(got) > 0 {
		t.Errorf("null became %s", got)
	}
	f.Printable = strings.ToUpper
	if got := f.value(nil, schema.Text, Value{Set: true, Text: []byte("=abc")}); string(got) != `"'=ABC"` {
		t.Errorf("for a terminal: %s", got)
	}
}

// Whatever a spreadsheet may calculate gets an apostrophe; numbers and other text
// stay as they are.
func TestFormulas(t *testing.T) {
	for s, want := range map[string]bool{
		"=1+1": true, "+cmd": true, "-cmd": true, "@SUM(A1)": true, "\t=1": true, "\r": true, "\nx": true,
		" =1": true, "\u00a0=1": true, "\u3000@x": true, "\ufeff=1": true, "\u200b\u2060=1": true, "\x00=1": true, "  \ufeff +x": true,
		"＝1+1": true, "＋x": true, "－x": true, "＠x": true, "\u2212x": true, " ＝1": true,
		"": false, " ": false, "\ufeff": false, "a=1": false, "-1": false, "+1.5": false, " -1": false, "x\t=1": false, "é": false, "\xff=": false,
	} {
		if got := isFormula([]byte(s)); got != want {
			t.Errorf("%q: %v", s, got)
		}
		cell := string(AppendCSVText(nil, []byte(s), CSVOptions{}))
		if strings.HasPrefix(cell, `"'`) != want {
			t.Errorf("%q becomes %s", s, cell)
		}
	}
}

// Cells come back from encoding/csv as they went in, except for the apostrophe, and
// no cell begins like a formula.
func FuzzCSVCells(f *testing.F) {
	for _, s := range []string{"", "a,b\"c", "=1", "-1", "\r\n", "+a", " ", "\ufeff", "#x", "\x00"} {
		f.Add([]byte(s), []byte("x"))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, in := range [][]byte{a, b} {
			if bytes.Contains(in, []byte("\r\n")) || !utf8.Valid(in) {
				t.Skip("encoding/csv doesn't keep it")
			}
		}
		for _, raw := range []bool{false, true} {
			format := &csvFormat{CSVOptions: CSVOptions{Raw: raw}, columns: make([]schema.Column, 2)}
			var out []byte
			for i, in := range [][]byte{a, b} {
				out = format.value(format.begin(out, i), schema.Text, Value{Set: true, Text: in})
			}
			out = format.end(out)
			r := csv.NewReader(bytes.NewReader(out))
			cells, err := r.Read()
			if err != nil || len(cells) != 2 {
				t.Fatalf("%q: %v, %v", out, cells, err)
			}
			for i, in := range [][]byte{a, b} {
				got := cells[i]
				if !raw && isFormula(in) {
					got = strings.TrimPrefix(got, "'")
				}
				if got != string(in) {
					t.Fatalf("%q: %q, want %q", out, cells[i], in)
				}
				if c := cells[i]; !raw && c != "" && strings.ContainsRune("=@\t\r\n", rune(c[0])) {
					t.Fatalf("%q begins like a formula", c)
				}
			}
			if _, err := r.Read(); err != io.EOF {
				t.Fatalf("%q: more than a record", out)
			}
		}
	})
}
