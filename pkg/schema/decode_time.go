package schema

// time decodes the string at p as a time; ok is false if it is no time. The string
// must begin with a quote.
func (d *bulkDecoder) time(p int) (us int64, ok bool, end int) {
	stop := skipPlain(d.buf, p+1)
	if d.buf[stop] == '"' {
		us, ok = parseTime(d.buf[p+1 : stop])
		return us, ok, stop + 1
	}
	s := d.stringEnd(stop)
	if s.broken {
		return 0, false, d.scalar(p)
	}
	raw := d.buf[p+1 : s.end]
	if s.suspect { // no time has such bytes
		return 0, false, s.end + 1
	}
	mark := len(d.b.Buf)
	us, ok = parseTime(d.b.Text(d.unescape(raw)))
	d.b.Buf = d.b.Buf[:mark]
	return us, ok, s.end + 1
}

// parseTime parses a time such as 2026-11-22T08:00:00.5+01:00 (RFC 3339, with `T`
// or a space, any number of fraction digits, and a zone) to microseconds since 1970
// in UTC, rounded down. A leap second (23:59:60 in UTC) is read as the second after
// it.
func parseTime(s []byte) (us int64, ok bool) {
	// YYYY-MM-DDTHH:MM:SS
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' && s[10] != ' ' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	var bad byte
	two := func(i int) int {
		a, b := s[i]-'0', s[i+1]-'0'
		if a > 9 || b > 9 {
			bad = 1
		}
		return int(a)*10 + int(b)
	}
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if bad != 0 || year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) ||
		hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	i := 19
	var fraction int64 // microseconds
	if s[i] == '.' {
		i++
		first := i
		for scale := int64(100_000); i < len(s) && isDigit(s[i]); i++ {
			fraction += int64(s[i]-'0') * scale
			scale /= 10
		}
		if i == first || i == len(s) {
			return 0, false
		}
	}
	seconds := daysSince1970(year, month, day)*86400 + int64(hour*3600+minute*60+second)
	switch c := s[i]; {
	case c == 'Z' && i+1 == len(s):
	case (c == '+' || c == '-') && i+6 == len(s) && s[i+3] == ':':
		h, m := two(i+1), two(i+4)
		if bad != 0 || h > 23 || m > 59 {
			return 0, false
		}
		offset := int64(h*3600 + m*60)
		if c == '-' {
			offset = -offset
		}
		seconds -= offset
	default:
		return 0, false
	}
	if second == 60 && seconds%86400 != 0 {
		return 0, false
	}
	const firstSecond, lastSecond = -62135596800, 253402300799 // of the years 0001 and 9999
	if seconds < firstSecond || seconds > lastSecond {
		return 0, false
	}
	return seconds*1e6 + fraction, true
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year, month int) int {
	switch month {
	case 2:
		if isLeap(year) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 returns the number of days from 1970-01-01 in the proleptic
// Gregorian calendar. It counts in years that begin in March, whose last day is the
// leap day.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	yearDays := (153*(month-3) + 2) / 5
	return int64(365*year + year/4 - year/100 + year/400 + yearDays + day - 1 - 719468)
}
