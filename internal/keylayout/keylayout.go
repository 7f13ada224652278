// Package keylayout knows the layout of the keys under which Macie stores
// discovery results:
//
//	[PREFIX/]AWSLogs/ADMINISTRATOR/Macie/REGION/JOB/[ACCOUNT/][FOLDER/]UUID.jsonl.gz
//
// (Macie user guide, "Storing and retaining sensitive data discovery results").
// Automated discovery has a fixed name in the job's place, some keys lack the
// affected account, and the results of a large archive may have a folder.
//
// Start with [Parse]. A key is a hint only, because files are copied and renamed:
// the records inside a file say which account, Region and job they belong to.
package keylayout

import (
	"strings"
	"unicode/utf8"
)

const (
	logs  = "AWSLogs"
	macie = "Macie"
	ext   = ".jsonl.gz"
)

// Key is a key, or a directory of keys, in Macie's layout. Fields that the key
// does not reach are empty.
type Key struct {
	Prefix        string // what comes before AWSLogs/: empty, or with a slash at its end
	Administrator string // the segment after AWSLogs/: the administrator account
	Region        string // the segment after Macie/; test it with IsRegion before relying on it
	Job           string // job ID; empty for automated discovery
	Account       string // affected account: 12 digits
	Name          string // the last segment; empty for a directory

	layout  string // the key from AWSLogs/ on
	folders int    // between Region and Name
}

// Parse reads an S3 key, or a local path with slashes; a directory ends in a
// slash. It reports false where there is no AWSLogs/ADMINISTRATOR/Macie/ in the
// key. The last such place counts, as a copy may lie below another layout.
func Parse(key string) (Key, bool) {
	var last Key
	found := false
	for at := 0; ; at += len(logs) {
		i := strings.Index(key[at:], logs+"/")
		if i < 0 {
			return last, found
		}
		if at += i; at == 0 || key[at-1] == '/' {
			if k, ok := parse(key, at); ok {
				last, found = k, true
			}
		}
	}
}

// parse reads a key whose AWSLogs/ begins at an offset.
func parse(key string, at int) (Key, bool) {
	k := Key{Prefix: key[:at], layout: key[at:]}
	rest := key[at+len(logs)+1:]
	var ok bool
	if k.Administrator, rest, _ = strings.Cut(rest, "/"); !utf8.ValidString(k.Administrator) {
		return Key{}, false
	}
	if rest, ok = strings.CutPrefix(rest, macie+"/"); !ok {
		return Key{}, false
	}
	if k.Region, rest, _ = strings.Cut(rest, "/"); !utf8.ValidString(k.Region) {
		return Key{}, false
	}
	for ; ; k.folders++ {
		folder, after, found := strings.Cut(rest, "/")
		if !found {
			k.Name = rest
			return k, true
		}
		switch rest = after; {
		case k.folders == 0 && IsJob(folder):
			k.Job = folder
		case k.folders == 1 && IsAccount(folder):
			k.Account = folder
		}
	}
}

// CopyID identifies the copies of one file, wherever they lie: the key from
// AWSLogs/ on. It is empty unless the whole key has Macie's layout, down to the
// UUID in the file's name, so that files which merely have equal names are never
// taken for copies of each other. Copies have equal sizes as well, which the
// caller compares.
func (k Key) CopyID() string {
	uuid, ok := strings.CutSuffix(k.Name, ext)
	if !ok || !isUUID(uuid) || k.folders == 0 || !IsAccount(k.Administrator) || !IsRegion(k.Region) || !utf8.ValidString(k.layout) {
		return ""
	}
	return k.layout
}

// RegionDir is the directory, with a slash at its end, of all results of an
// administrator and a Region; prefix is empty or has no slash at its end.
func RegionDir(prefix, administrator, region string) string {
	dir := logs + "/" + administrator + "/" + macie + "/" + region + "/"
	if prefix != "" {
		dir = prefix + "/" + dir
	}
	return dir
}

// IsResult reports whether the last segment of a key names a file of discovery
// results: Macie's own, or a decompressed copy. Macie also leaves a file named
// macie-test-object, and other programs leave inventories and logs.
func IsResult(name string) bool {
	return strings.HasSuffix(name, ext) || strings.HasSuffix(name, ".jsonl")
}

// IsRegion reports whether a text has the shape of a Region's name, such as
// us-gov-west-1. Such a text is safe as part of a host's name.
func IsRegion(s string) bool {
	if len(s) == 0 || len(s) > 40 || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] < '0' || s[len(s)-1] > '9' {
		return false
	}
	return only(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'z' || c == '-' }) && strings.Count(s, "-") >= 2
}

// IsJob reports whether a text has the shape of a job ID: 32 hexadecimal digits.
func IsJob(s string) bool {
	return len(s) == 32 && only(s, func(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' })
}

// IsAccount reports whether a text has the shape of an account ID: 12 digits.
func IsAccount(s string) bool { return len(s) == 12 && only(s, isDigit) }

// isUUID reports whether a text has the shape 8-4-4-4-12 of hexadecimal digits.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch letter := s[i] | 0x20; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if s[i] != '-' {
				return false
			}
		case !isDigit(s[i]) && (letter < 'a' || letter > 'f'):
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// only reports whether a text has no other bytes than those that are in a set.
func only(s string, in func(c byte) bool) bool {
	for i := range len(s) {
		if !in(s[i]) {
			return false
		}
	}
	return true
}
