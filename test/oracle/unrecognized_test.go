package main

import "testing"

func TestUnrecognized(t *testing.T) {
	known, err := knownFields()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, want string }{
		{`{}`, ``},
		{`{"id":"x","severity":null,"classificationDetails":{"result":{"sensitiveData":null}}}`, ``},
		{`{"n":1.50,"Id":1e400}`, `{"Id":1e400,"n":1.50}`},
		{`{"n":1,"n":{"b":2, "a":[ ]}}`, `{"n":{"a":[],"b":2}}`},
		{`{"\u006e\u0022":"\u0041"}`, `{"n\"":"A"}`},
		{`{"severity":{"deep":{"score":1}},"deep":0}`, `{"deep":0,"severity.deep":{"score":1}}`},
		{`{"resourcesAffected":{"s3Object":{"tags":[{"key":"k"},{"key":"l","x":true}]}}}`, `{"resourcesAffected.s3Object.tags[1].x":true}`},
		{`{"classificationDetails":{"result":{"sensitiveData":[{"detections":[{},{"occurrences":{"pages":[{"lineRange":{"x":[]}}]}}]}]}}}`,
			`{"classificationDetails.result.sensitiveData[0].detections[1].occurrences.pages[0].lineRange.x":[]}`},
		{``, `error`},
		{`[]`, `error`},
		{`{} {}`, `error`},
		{`{"id":"x"`, `error`},
		{`{"id":{}}`, `error`},
		{`{"severity":"x"}`, `error`},
		{`{"severity":[]}`, `error`},
		{`{"n":tru}`, `error`},
	} {
		got, err := unrecognized(known, []byte(c.line))
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%s: %s (%v), want %s", c.line, got, err, c.want)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		`{ "b" : "\u00e9\/" , "a":-0.0 }`: `{"a":-0.0,"b":"é/"}`,
		`{"a":1,"a":1}`:                   "error",
		`{"a":1}x`:                        "error",
		`{"a":1`:                          "error",
		`"a"`:                             "error",
		``:                                "error",
	} {
		got, err := canonical(in)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", in, got, err, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 世界":            "plain é 世界",
		"a\x1b[2J\r\nb\x00\x7f": `a\x1b[2J\r\nb\x00\x7f`,
		"\u202e\u200b\ufeff":    `\u202e\u200b\ufeff`,
		"\xff\\":                `\xff\\`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestFileURI(t *testing.T) {
	if got, want := sourceURI("/a b/\xff%~_.-?#"), "file:///a%20b/%FF%25~_.-%3F%23"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
