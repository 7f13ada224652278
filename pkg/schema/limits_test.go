package schema_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
)

// manyValues describes lines with many values of one kind: the text before the
// values, one value, the text after them, and the limit on the kind, or nil.
var manyValues = []struct {
	name, before, value, after string
	limit                      func(schema.Limits) int
}{
	{"cells", inDetection + `"occurrences":{"cells":[`, `{}`, `]}}]}]}}}`, locations},
	{"usual cells", inDetection + `"occurrences":{"cells":[`, `{"row":"1","column":"2"}`, `]}}]}]}}}`, locations},
	{"lines", inDetection + `"occurrences":{"lineRanges":[`, `{"start":1,"end":2}`, `]}}]}]}}}`, locations},
	{"offsets", inDetection + `"occurrences":{"offsetRanges":[`, `{}`, `]}}]}]}}}`, locations},
	{"pages", inDetection + `"occurrences":{"pages":[`, `{"pageNumber":7}`, `]}}]}]}}}`, locations},
	{"empty pages", inDetection + `"occurrences":{"pages":[`, `{}`, `]}}]}]}}}`, locations},
	{"records", inDetection + `"occurrences":{"records":[`, `{"recordIndex":"0"}`, `]}}]}]}}}`, locations},
	{"detections", `{"classificationDetails":{"result":{"sensitiveData":[{"detections":[`, `{}`, `]}]}}}`, detections},
	{"custom detections", inCustom + `"detections":[`, `{}`, `]}}}}`, detections},
	{"tags", `{"resourcesAffected":{"s3Bucket":{"tags":[`, `{"key":""}`, `]}}}`, tags},
	{"categories", `{"classificationDetails":{"result":{"sensitiveData":[`, `{}`, `]}}}`, nil},
	{"unknown fields", `{`, `"":0`, `}`, unknownFields},
	{"text", `{"title":"`, `x\n`, `"}`, nil},
}

func locations(l schema.Limits) int     { return l.Locations }
func detections(l schema.Limits) int    { return l.Detections }
func tags(l schema.Limits) int          { return l.Tags }
func unknownFields(l schema.Limits) int { return l.UnknownFields }

// repeatValue returns a line of n equal values.
func repeatValue(before, value, after string, n int) []byte {
	separator := ","
	if value[0] == 'x' {
		separator = ""
	}
	line := make([]byte, 0, len(before)+n*(len(value)+1)+len(after)+1)
	line = append(line, before...)
	for i := range n {
		if i > 0 {
			line = append(line, separator...)
		}
		line = append(line, value...)
	}
	return append(append(line, after...), '\n')
}

// A line with as many values as the limit is decoded; with more, it is rejected where
// the first value over the limit begins.
func TestTooManyValues(t *testing.T) {
	for _, opts := range []schema.DecoderOptions{{MaxValues: 100}, {MaxValues: 100, SkipOccurrences: true}, {MaxValues: 777}} {
		for _, test := range manyValues {
			if test.limit == nil {
				continue
			}
			limit := test.limit(opts.Limits())
			for _, n := range []int{limit, limit + 1, 3 * limit} {
				line := repeatValue(test.before, test.value, test.after, n)
				b := schema.NewBatch()
				b.AppendLines(schema.Source{URI: "u"}, 1, 0, line)
				schema.NewDecoder(opts).Decode(b)
				want := "[]"
				if n > limit {
					want = fmt.Sprint([]string{fmt.Sprintf("too_many_values %d", len(test.before)+limit*(len(test.value)+1))})
				}
				got := []string{}
				for _, r := range b.Rejects {
					got = append(got, fmt.Sprintf("%s %d", r.Class, r.Offset))
				}
				if fmt.Sprint(got) != want || len(b.Results)+len(b.Rejects) != 1 {
					t.Errorf("%+v, %s: %d values: %v, want %s", opts, test.name, n, got, want)
				}
				if d := (&bulkDecoder{opts: opts, dec: schema.NewDecoder(opts), batch: schema.NewBatch()}).difference(line); n < 1000 && d != "" {
					t.Errorf("%s: %s", test.name, d)
				}
			}
		}
	}
}

// The line's bytes and the limits on its values bound the memory that a batch takes
// for a hostile line, whatever the kind of value.
func TestLineMemory(t *testing.T) {
	const size = 16 << 20
	for _, test := range manyValues {
		line := repeatValue(test.before, test.value, test.after, size/(len(test.value)+1))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b := schema.NewBatch()
		b.AppendLines(schema.Source{URI: "u"}, 1, 0, line)
		schema.NewDecoder(schema.DecoderOptions{}).Decode(b)
		runtime.ReadMemStats(&after)
		if grown := int64(after.TotalAlloc - before.TotalAlloc); grown > 160<<20 {
			t.Errorf("%s: %d MB for a line of %d MB", test.name, grown>>20, len(line)>>20)
		}
		if rejected := len(b.Rejects) == 1 && b.Rejects[0].Class == schema.TooManyValues; rejected != (test.limit != nil) {
			t.Errorf("%s: %d results, rejects %.200s", test.name, len(b.Results), strings.TrimSpace(fmt.Sprint(b.Rejects)))
		}
		runtime.KeepAlive(b)
	}
}
