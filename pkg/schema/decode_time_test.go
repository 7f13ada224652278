package schema

import (
	"testing"
	"time"
)

// Times are rounded down to microseconds, also before 1970, and a leap second is
// read as the second after it.
func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-22T08:00:00Z":                 "2026-11-22T08:00:00Z",
		"2026-11-22 08:00:00.1234567899+02:00": "2026-11-22T06:00:00.123456Z",
		"1969-12-31T23:59:59.9999999Z":         "1969-12-31T23:59:59.999999Z",
		"1969-12-31T23:59:59.0000009Z":         "1969-12-31T23:59:59Z",
		"0001-01-01T00:00:00.000001Z":          "0001-01-01T00:00:00.000001Z",
		"9999-12-31T23:59:59.999999999Z":       "9999-12-31T23:59:59.999999Z",
		"2016-12-31T23:59:60Z":                 "2017-01-01T00:00:00Z",
		"2016-12-31T23:59:60.25Z":              "2017-01-01T00:00:00.25Z",
		"2017-01-01T00:59:60+01:00":            "2017-01-01T00:00:00Z",
		"2016-12-31T15:59:60.9999999-08:00":    "2017-01-01T00:00:00.999999Z",
	} {
		at, err := time.Parse(time.RFC3339Nano, want)
		if err != nil {
			t.Fatal(err)
		}
		if us, ok := parseTime([]byte(text)); !ok || us != at.UnixMicro() {
			t.Errorf("%s is %d, %v, want %d", text, us, ok, at.UnixMicro())
		}
	}
}
