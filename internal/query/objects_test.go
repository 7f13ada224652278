package query

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// TestObjects adds as many objects as MACIELAKE_OBJECTS says (make objects: ten
// million), two results of each, and looks at the most memory it ever had: under
// 1 GB, though neither the things nor the groups by object fit the summary's.
func TestObjects(t *testing.T) {
	objects, _ := strconv.Atoi(os.Getenv("MACIELAKE_OBJECTS"))
	if objects == 0 {
		t.Skip("MACIELAKE_OBJECTS isn't set")
	}
	s := NewSummary(Options{Workers: 2, Views: []View{
		{By: dimensions(t, "object"), Measures: []Measure{Occurrences, Objects, Bytes}},
		{Measures: AllMeasures()},
	}})
	defer s.Close()
	dec := schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: true})
	b := schema.NewBatch()
	var lines []byte
	for i := range 2 * objects {
		n := i % objects
		lines = fmt.Appendf(lines, `{"id":"%032x","partition":"aws","accountId":"111122223333","region":"eu-west-1","createdAt":"2026-01-%02dT00:00:00Z",`+
			`"classificationDetails":{"jobId":"%032x","result":{"status":{"code":"COMPLETE"},"sizeClassified":"%d","sensitiveData":[{"category":"PERSONAL_INFORMATION",`+
			`"totalCount":"3","detections":[{"type":"NAME","count":"%d"}]}]}},"resourcesAffected":{"s3Bucket":{"name":"a-bucket-%d"},`+
			`"s3Object":{"key":"some/folder/and/another/%d/object-%09d.csv","lastModified":"2026-01-01T00:00:00Z"}}}`+"\n",
			i, 1+i/objects, i/objects, n, 1+i/objects, n%50, n%1000, n)
		if len(lines) < 256<<10 && i < 2*objects-1 {
			continue
		}
		b.Reset()
		b.AppendLines(schema.Source{URI: fmt.Sprintf("s3://results/AWSLogs/111122223333/Macie/eu-west-1/%d.jsonl.gz", i)}, 1, 0, lines)
		lines = lines[:0]
		dec.Decode(b)
		if len(b.Rejects) > 0 {
			t.Fatalf("%+v", b.Rejects[0])
		}
		if err := s.AddBatch(b); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	groups := 0
	total, err := s.Groups(ctx, 0, Order{}, func(g *Group) error {
		groups++
		if n, _ := g.Sums[0].Int64(); n != 2 {
			return fmt.Errorf("%q: %d occurrences", g.Values[0].Text(), n)
		}
		return nil
	})
	if err != nil || groups != objects || total != int64(objects) {
		t.Errorf("%d groups of %d, %v", groups, total, err)
	}
	if _, err := s.Groups(ctx, 1, Order{}, func(g *Group) error {
		if g.Sums[Objects].String() != fmt.Sprint(objects) {
			t.Errorf("%s objects", g.Sums[Objects])
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(status)) {
		if most, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(most)[0])
			t.Logf("%d objects, %d kB at most", objects, kb)
			if err != nil || kb > 1_000_000 {
				t.Errorf("%d kB, %v", kb, err)
			}
		}
	}
}
