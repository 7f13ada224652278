package main

import (
	"database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/duckdb/duckdb-go/v2"
)

// printTable writes rows as aligned columns and returns after the last row. It
// closes rows.
func printTable(w io.Writer, rows *sql.Rows) error {
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := [][]string{make([]string, len(names))}
	for i, name := range names {
		cells[0][i] = printable(name)
	}
	values := make([]any, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	numeric := make([]bool, len(names))
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return err
		}
		row := make([]string, len(names))
		for i, v := range values {
			switch v.(type) {
			case int64, int32, float64:
				numeric[i] = true
			}
			row[i] = printable(text(v))
		}
		cells = append(cells, row)
	}
	if err := rows.Err(); err != nil {
		return err
	}

	widths := make([]int, len(names))
	for _, row := range cells {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, row := range cells {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
			if numeric[i] {
				b.WriteString("  " + pad + c)
			} else {
				b.WriteString("  " + c + pad)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// text returns a value of the driver in readable form; null is empty.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000000Z")
	case duckdb.OrderedMap:
		var entries []string
		for i, k := range v.Keys() {
			entries = append(entries, text(k)+"="+text(v.Values()[i]))
		}
		return strings.Join(entries, ",")
	default:
		return fmt.Sprint(v)
	}
}

// printable escapes what a terminal would act on or not show: control
// characters, format characters such as those that turn the direction of
// text, and bytes that aren't UTF-8.
func printable(s string) string {
	safe := func(r rune) bool { return unicode.IsPrint(r) && r != utf8.RuneError && r != '\\' }
	if strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if safe(r) {
			b.WriteRune(r)
		} else {
			q := strconv.QuoteToASCII(s[i : i+n])
			b.WriteString(q[1 : len(q)-1])
		}
		i += n
	}
	return b.String()
}
