package reference

import (
	"regexp"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

var integerPattern = regexp.MustCompile(`\A-?(0|[1-9][0-9]*)\z`)

// parseInteger parses an integer. It reports whether s is an integer, and whether it
// fits in that many bits.
func parseInteger(s string, bits int) (v int64, isInteger, fits bool) {
	if !integerPattern.MatchString(s) {
		return 0, false, false
	}
	v, err := strconv.ParseInt(s, 10, bits)
	return v, true, err == nil
}

var timePattern = regexp.MustCompile(
	`\A(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:Z|([+-])(\d{2}):(\d{2}))\z`)

// parseTime parses an RFC 3339 time and rounds it down to microseconds. A leap second
// is read as the second after it.
func parseTime(s string) (Micros, bool) {
	m := timePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(m[i]) // digits alone, or empty: 0
		return n
	}
	leap := m[6] == "60"
	if leap {
		m[6] = "59"
	}
	year, month, day := number(1), number(2), number(3)
	hour, minute, second := number(4), number(5), number(6)
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date normalises what is out of range, so a date that doesn't exist
	// comes back as another.
	if year == 0 || t.Format("2006-01-02 15:04:05") != m[1]+"-"+m[2]+"-"+m[3]+" "+m[4]+":"+m[5]+":"+m[6] {
		return 0, false
	}
	offsetHour, offsetMinute := number(9), number(10)
	if offsetHour > 23 || offsetMinute > 59 {
		return 0, false
	}
	offset := time.Duration(offsetHour)*time.Hour + time.Duration(offsetMinute)*time.Minute
	if m[8] == "-" {
		offset = -offset
	}
	t = t.Add(-offset)
	if leap {
		t = t.Add(time.Second)
		if hour, minute, second := t.Clock(); hour+minute+second > 0 { // only a UTC day's last minute has a leap second
			return 0, false
		}
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return 0, false
	}
	micros, _ := strconv.Atoi((m[7] + "000000")[:6])
	return Micros(t.Unix()*1_000_000 + int64(micros)), true
}

// badTextAt returns the index in s of the first byte that doesn't begin a UTF-8
// sequence, or of the first escape of a lone surrogate, or -1. s is the raw text of a
// JSON string without its quotes. A UTF-8 sequence or surrogate pair that s cuts
// short is bad; another escape that it cuts short is not.
func badTextAt(s []byte) int {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			r, size := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				return i
			}
			i += size
			continue
		}
		unit, ok := unicodeEscape(s[i:])
		switch {
		case !ok:
			i += 2
		case !utf16.IsSurrogate(unit):
			i += 6
		default:
			low, _ := unicodeEscape(s[i+6:])
			if utf16.DecodeRune(unit, low) == utf8.RuneError {
				return i
			}
			i += 12
		}
	}
	return -1
}

// unicodeEscape returns the UTF-16 code unit of the \uXXXX that s begins with.
func unicodeEscape(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(n), err == nil
}
