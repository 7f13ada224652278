package keylayout

import (
	"strings"
	"testing"
)

const (
	uuid = "ac3e3364-41c0-32d9-86b9-3ebbab1290d5"
	job  = "0123456789abcdef0123456789abcdef"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		key  string
		want Key // without what isn't exported
		ok   bool
	}{
		{"AWSLogs/1/Macie/eu-west-1/job/x.jsonl.gz", Key{Administrator: "1", Region: "eu-west-1", Name: "x.jsonl.gz"}, true},
		{"/a/b/AWSLogs/1/Macie/eu-west-1/x.jsonl.gz", Key{Prefix: "/a/b/", Administrator: "1", Region: "eu-west-1", Name: "x.jsonl.gz"}, true},
		{"AWSLogs/1/Macie/eu-west-1", Key{Administrator: "1", Region: "eu-west-1"}, true},
		{"AWSLogs/1/Macie/", Key{Administrator: "1"}, true},
		{"p/AWSLogs/1/Macie/eu-west-1/" + job + "/111122223333/f/x", Key{Prefix: "p/", Administrator: "1", Region: "eu-west-1", Job: job, Account: "111122223333", Name: "x"}, true},
		{"AWSLogs/1/Macie/eu-west-1/" + job + "/", Key{Administrator: "1", Region: "eu-west-1", Job: job}, true},
		{"AWSLogs/1/Macie/eu-west-1/111122223333/" + job + "/x", Key{Administrator: "1", Region: "eu-west-1", Name: "x"}, true},
		{"AWSLogs/0/Macie/a/AWSLogs/1/Macie/b/x", Key{Prefix: "AWSLogs/0/Macie/a/", Administrator: "1", Region: "b", Name: "x"}, true},
		{"AWSLogs/0/Macie/a/AWSLogs/1/S3/b/x", Key{Administrator: "0", Region: "a", Name: "x"}, true},
		{"AWSLogs//Macie//x", Key{Name: "x"}, true},
		{"AWSLogs/1/Macie", Key{}, false},
		{"AWSLogs/1/macie/eu-west-1/x", Key{}, false},
		{"notAWSLogs/1/Macie/eu-west-1/x", Key{}, false},
		{"x/1/Macie/eu-west-1/x", Key{}, false},
		{"AWSLogs/\xff/Macie/b/x", Key{}, false},
		{"AWSLogs/1/Macie/\xff/x", Key{}, false},
		{"", Key{}, false},
	} {
		got, ok := Parse(test.key)
		got.layout, got.folders = "", 0
		if ok != test.ok || got != test.want {
			t.Errorf("%q: %+v, %v", test.key, got, ok)
		}
	}
}

// Copies have one identity wherever they lie. Keys that only resemble the layout
// have none, since a source that is wrongly taken for a copy is never converted.
func TestCopyID(t *testing.T) {
	const layout = "AWSLogs/111122223333/Macie/eu-west-1/" + job + "/444455556666/" + uuid + ".jsonl.gz"
	for _, prefix := range []string{"", "security/", "/home/x/", "AWSLogs/9/Macie/"} {
		if k, _ := Parse(prefix + layout); k.CopyID() != layout {
			t.Errorf("%s: %q", prefix, k.CopyID())
		}
	}
	for _, key := range []string{
		"AWSLogs/111122223333/Macie/eu-west-1/automated-sensitive-data-discovery/" + uuid + ".jsonl.gz",
		"AWSLogs/111122223333/Macie/eu-west-1/" + job + "/444455556666/folder/" + strings.ToUpper(uuid) + ".jsonl.gz",
	} {
		if k, _ := Parse(key); k.CopyID() != key {
			t.Errorf("%s: %q", key, k.CopyID())
		}
	}
	for _, key := range []string{
		layout + "/", strings.TrimSuffix(layout, ".gz"), strings.Replace(layout, uuid, "x", 1),
		strings.Replace(layout, "ac3e3364", "gc3e3364", 1), strings.Replace(layout, "111122223333", "1", 1),
		strings.Replace(layout, "eu-west-1", "results", 1), strings.Replace(layout, "444455556666", "\xff", 1),
		"AWSLogs/111122223333/Macie/eu-west-1/" + uuid + ".jsonl.gz", uuid + ".jsonl.gz", "",
	} {
		if k, _ := Parse(key); k.CopyID() != "" {
			t.Errorf("%q: %q", key, k.CopyID())
		}
	}
}

func TestRegionDir(t *testing.T) {
	if got := RegionDir("", "1", "eu-west-1"); got != "AWSLogs/1/Macie/eu-west-1/" {
		t.Error(got)
	}
	dir := RegionDir("security/macie", "1", "eu-west-1")
	k, ok := Parse(dir)
	k.layout = ""
	if want := (Key{Prefix: "security/macie/", Administrator: "1", Region: "eu-west-1"}); !ok || k != want {
		t.Errorf("%s: %+v", dir, k)
	}
}

func TestShapes(t *testing.T) {
	for s, want := range map[string]bool{
		"eu-west-1": true, "us-gov-west-1": true, "ap-southeast-2": true,
		"": false, "results": false, "eu-west": false, "eu-west-1.evil.example": false, "-a-1": false,
		"EU-west-1": false, "a-" + strings.Repeat("b", 50) + "-1": false,
	} {
		if IsRegion(s) != want {
			t.Errorf("region %q: %v", s, !want)
		}
	}
	for s, want := range map[string]bool{
		"x.jsonl.gz": true, "x.jsonl": true, ".jsonl": true,
		"macie-test-object": false, "x.json": false, "x.jsonl.zst": false, "": false,
	} {
		if IsResult(s) != want {
			t.Errorf("result %q: %v", s, !want)
		}
	}
}
