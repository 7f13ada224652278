package text

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

var testColumns = []Column{{Name: "name"}, {Name: "count", Number: true}, {Name: "of"}}

func write(t *testing.T, f Format, o Options, columns []Column, rows ...[]Cell) string {
	t.Helper()
	var out bytes.Buffer
	w := NewTable(&out, f, columns, o)
	for _, row := range rows {
		if err := w.Row(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func row(name, count, of string) []Cell {
	return []Cell{Of(name), Of(count), Of(of)}
}

func TestFormats(t *testing.T) {
	rows := [][]Cell{row("a", "1234567", "x"), {{}, Of("-5"), Of("")}, row("=b|<c>\x1b", "0", "y,z")}
	screen := Options{Screen: Screen{Columns: 40}}
	for _, test := range []struct {
		format Format
		o      Options
		rows   [][]Cell
		want   string
	}{
		{Table, Options{}, rows, "name\tcount\tof\na\t1234567\tx\n(none)\t-5\t\n=b|<c>\\x1b\t0\ty,z\n"},
		{Table, screen, rows, "name            count  of\na           1,234,567  x\n(none)             -5\n=b|<c>\\x1b          0  y,z\n"},
		{JSON, Options{}, rows, "[\n  {\"name\":\"a\",\"count\":1234567,\"of\":\"x\"},\n  {\"name\":null,\"count\":-5,\"of\":\"\"},\n  {\"name\":\"=b|<c>\\u001b\",\"count\":0,\"of\":\"y,z\"}\n]\n"},
		{NDJSON, Options{}, rows, "{\"name\":\"a\",\"count\":1234567,\"of\":\"x\"}\n{\"name\":null,\"count\":-5,\"of\":\"\"}\n{\"name\":\"=b|<c>\\u001b\",\"count\":0,\"of\":\"y,z\"}\n"},
		{CSV, Options{}, rows, "name,count,of\r\na,1234567,x\r\n,-5,\"\"\r\n\"'=b|<c>\x1b\",0,\"y,z\"\r\n"},
		{CSV, Options{Raw: true, Terminal: true}, rows[2:], "name,count,of\r\n=b|<c>\\x1b,0,\"y,z\"\r\n"},
		{Markdown, Options{}, rows, "| name | count | of |\n| --- | ---: | --- |\n| a | 1234567 | x |\n| \\(none\\) | -5 |  |\n| =b\\|\\<c\\>\\\\x1b | 0 | y,z |\n"},
		{JSON, Options{}, nil, "[]\n"},
		{NDJSON, Options{}, nil, ""},
		{CSV, Options{}, nil, "name,count,of\r\n"},
		{Markdown, Options{}, nil, "| name | count | of |\n| --- | ---: | --- |\n"},
		{Table, Options{}, nil, "name\tcount\tof\n"},
		{Table, screen, nil, "name  count  of\n"},
	} {
		if got := write(t, test.format, test.o, testColumns, test.rows...); got != test.want {
			t.Errorf("%s %+v: got\n%q\nwant\n%q", test.format, test.o, got, test.want)
		}
	}
}

func TestScreenTable(t *testing.T) {
	long := "s3://a-bucket-with-a-long-name/and/some/folders/with/the-file.csv"
	rows := [][]Cell{row(long, "123456789", "short"), row("a", "1", "日本語の名前")}
	for _, columns := range []int{20, 40, 80, 200} {
		got := write(t, Table, Options{Screen: Screen{Columns: columns}}, testColumns, rows...)
		for line := range strings.Lines(got) {
			if w := Width(strings.TrimSuffix(line, "\n")); w > columns {
				t.Errorf("%d columns: %d: %q", columns, w, line)
			}
		}
		if columns >= 40 && (!strings.Contains(got, "e.csv") || !strings.Contains(got, "123,456,789")) {
			t.Errorf("%d columns:\n%s", columns, got)
		}
		if strings.Contains(got, long) != (columns >= 100) {
			t.Errorf("%d columns:\n%s", columns, got)
		}
	}
	if got := write(t, Table, Options{Screen: Screen{Columns: 20, Colours: true}}, testColumns, rows[1]); !strings.Contains(got, "\x1b[1mname ") {
		t.Errorf("no block: %q", got)
	}
}

// What comes after the widths were chosen still fits.
func TestScreenTableLateRows(t *testing.T) {
	var rows [][]Cell
	for i := range measured {
		rows = append(rows, row("a", fmt.Sprint(i), "b"))
	}
	rows = append(rows, row("much longer than the others", "123456789", "c"))
	got := write(t, Table, Options{Screen: Screen{Columns: 40}}, testColumns, rows...)
	if !strings.HasSuffix(got, "  123,456,789  c\n") || strings.Count(got, "\n") != len(rows)+1 {
		t.Errorf("ends in %q", got[len(got)-80:])
	}
}

// failing is a writer whose reader went away.
type failing struct{}

var errGone = errors.New("gone")

func (failing) Write([]byte) (int, error) { return 0, errGone }

func TestWriteFails(t *testing.T) {
	for _, f := range Formats() {
		for _, o := range []Options{{}, {Screen: Screen{Columns: 80}}} {
			w := NewTable(failing{}, f, testColumns, o)
			var err error
			for i := 0; i < 100_000 && err == nil; i++ {
				err = w.Row(row("a", "1", "b"))
			}
			if !errors.Is(err, errGone) {
				t.Errorf("%s: %v", f, err)
			}
			if w := NewTable(failing{}, f, testColumns, o); f != NDJSON && w.End() == nil {
				t.Errorf("%s: ended well", f)
			}
		}
	}
}

func FuzzFormats(f *testing.F) {
	for _, s := range []string{"", "a", "=1+1", "\x1b[31m", "a\tb\nc\r", "\u202e", "|x|", "\"", "日本", "-", "+1", "@x", "\xff", "a\u0300\u0300\u0300\u0300\u0300\u0300"} {
		f.Add(s, uint8(80))
	}
	f.Fuzz(func(t *testing.T, s string, columns uint8) {
		if !utf8.ValidString(s) {
			s = strings.ToValidUTF8(s, "?") // results are UTF-8
		}
		rows := [][]Cell{row(s, "12", s), {{}, {}, Of(s)}}
		got := write(t, NDJSON, Options{}, testColumns, rows...)
		var first struct {
			Name  string
			Count int
			Of    string
		}
		dec := json.NewDecoder(strings.NewReader(got))
		if err := dec.Decode(&first); err != nil || first.Name != s || first.Of != s || first.Count != 12 {
			t.Errorf("%q as NDJSON: %v, %q", s, err, got)
		}
		var list []map[string]any
		if err := json.Unmarshal([]byte(write(t, JSON, Options{}, testColumns, rows...)), &list); err != nil || len(list) != 2 || list[1]["name"] != nil || list[1]["of"] != s {
			t.Errorf("%q as JSON: %v, %v", s, err, list)
		}
		got = write(t, CSV, Options{Raw: true}, testColumns, rows...)
		records, err := csv.NewReader(strings.NewReader(got)).ReadAll()
		if err != nil || len(records) != 3 || records[1][0] != strings.ReplaceAll(s, "\r\n", "\n") {
			t.Errorf("%q as CSV: %v, %q", s, err, got)
		}
		records, err = csv.NewReader(strings.NewReader(write(t, CSV, Options{}, testColumns, rows...))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if c := records[1][0]; c != "" && strings.IndexByte("=@\t\r", c[0]) >= 0 {
			t.Errorf("%q as CSV begins like a formula: %q", s, c)
		}
		width := max(int(columns), 20)
		for _, test := range []struct {
			format Format
			o      Options
			lines  int // as many or more
		}{
			{Table, Options{}, 3}, {Markdown, Options{}, 4}, {Table, Options{Screen: Screen{Columns: width}}, 3},
		} {
			got := write(t, test.format, test.o, testColumns, rows...)
			if n := strings.Count(got, "\n"); n != test.lines && test.o.Screen.Columns == 0 || n < test.lines {
				t.Errorf("%q as %s has %d lines: %q", s, test.format, n, got)
			}
			for line := range strings.Lines(got) {
				line = strings.TrimSuffix(line, "\n")
				if cells := strings.Split(line, "\t"); test.format == Table {
					for _, c := range cells {
						if Printable(c) != c {
							t.Errorf("%q as %s: %q", s, test.format, c)
						}
					}
				}
				if w := Width(line); test.o.Screen.Columns > 0 && w > width {
					t.Errorf("%q on %d columns takes %d: %q", s, width, w, line)
				}
			}
		}
	})
}

var _ io.Writer = failing{}
