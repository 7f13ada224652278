package schema_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/schema/internal/reference"
)

// bulkDecoder is a decoder and a batch that it used before, as a worker has them.
type bulkDecoder struct {
	opts  schema.DecoderOptions
	dec   schema.Decoder
	batch *schema.Batch
}

func bulkDecoders() []*bulkDecoder {
	var all []*bulkDecoder
	for _, opts := range []schema.DecoderOptions{{}, {SkipOccurrences: true}, {MaxValues: 3}, {MaxValues: 60, SkipOccurrences: true}} {
		all = append(all, &bulkDecoder{opts: opts, dec: schema.NewDecoder(opts), batch: schema.NewBatch()})
	}
	return all
}

// leaveRows decodes lines of every kind and resets the batch, whose memory then still
// holds their rows.
func (k *bulkDecoder) leaveRows() {
	k.batch.Reset()
	k.batch.RunID = "before"
	k.batch.AppendLines(schema.Source{URI: "before", ETag: "before", AdminAccountID: "before"}, 7, 0,
		[]byte(fullLine+"\n\n{x\n"+fullLine+"\n"))
	k.dec.Decode(k.batch)
	k.batch.Reset()
}

// difference decodes data with the reference and with the bulk decoder: in a batch
// that held other lines, then again in the same batch. It returns the first
// difference, or a panic; empty if there is none. The two sources have different
// null columns. If data has three or more lines, a third source is a line over the
// limit.
func (k *bulkDecoder) difference(data []byte) (d string) {
	defer func() {
		if p := recover(); p != nil {
			d = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
			*k = bulkDecoder{opts: k.opts, dec: schema.NewDecoder(k.opts), batch: schema.NewBatch()}
		}
	}()
	k.leaveRows()
	b := k.batch
	b.RunID = ""
	if len(data)%2 == 0 {
		b.RunID = "run"
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	cut := 0
	for _, line := range lines[:len(lines)/2] {
		cut += len(line)
	}
	b.AppendLines(schema.Source{URI: "s3://bucket/a"}, 1, 0, data[:cut])
	b.AppendLines(schema.Source{ETag: "etag", AdminAccountID: "111111111111"}, 10, 1<<40, data[cut:])
	if len(lines) > 2 {
		b.AppendLines(schema.Source{URI: "s3://bucket/long"}, 3, 50, lines[0][:len(lines[0])-1])
		b.Segments[len(b.Segments)-1].TooLong = 50 + int64(len(lines[0]))
	}
	before := bytes.Clone(b.Buf)
	segments := slices.Clone(b.Segments)

	want := reference.Decode(b, k.opts)
	for _, time := range []string{"first", "second"} {
		k.dec.Decode(b)
		if d := reference.Diff(want, reference.FromBatch(b)); d != "" {
			return time + " decode: " + d
		}
		if !bytes.HasPrefix(b.Buf, before) || !slices.Equal(b.Segments, segments) {
			return time + " decode: the lines or segments changed"
		}
	}
	return ""
}

// checkDecoders fails the test if one of the decoders differs from the reference on
// data. It reports a smaller input with a difference.
func checkDecoders(t *testing.T, all []*bulkDecoder, data []byte) {
	t.Helper()
	for _, k := range all {
		if d := k.difference(data); d != "" {
			small := shrink(data, func(b []byte) bool { return k.difference(b) != "" })
			t.Fatalf("%+v: %s\nsmaller: %q\n%s", k.opts, d, small, k.difference(small))
		}
	}
}

// shrink removes pieces of data for as long as fails is true of the rest.
func shrink(data []byte, fails func([]byte) bool) []byte {
	for size := len(data) / 2; size > 0; size /= 2 {
		for again := true; again; {
			again = false
			for i := 0; i+size <= len(data); {
				if less := slices.Delete(bytes.Clone(data), i, i+size); fails(less) {
					data, again = less, size == 1
				} else {
					i += size
				}
			}
		}
	}
	return data
}

// samples returns real results, or nil if they aren't available.
func samples(t testing.TB) [][]byte {
	names, err := filepath.Glob("../../../shared/samples/*.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// inputs returns the lines that every differential test begins with.
func inputs(t testing.TB) [][]byte {
	all := [][]byte{
		[]byte(fullLine), []byte(fullLine + "\r\n" + fullLine), []byte(strings.ReplaceAll(fullLine, ",", " ,\t")),
		[]byte("\n \n\t\r\n{}"), []byte(`{}{}` + "\n{}\n"), nil,
		[]byte(inOccurrence + `"records":[{}` + strings.Repeat(",{}", 999) + `]},"count":1001}]}]}}}`),
	}
	for _, r := range rules() {
		line, _ := r.split(t)
		all = append(all, line)
	}
	return slices.Concat(all, repetitions(), samples(t))
}

// repetitions returns blocks whose lines or locations repeat earlier ones, exactly or
// nearly. The decoder reuses what it decoded for the earlier ones.
func repetitions() [][]byte {
	line := func(id, bucket string) string {
		return `{"id":"` + id + `","resourcesAffected":{"s3Bucket":` + bucket + "}}\n"
	}
	const bucket = `{"arn":"arn:aws:s3:::b\u00fccher","name":"b\u00fccher","createdAt":"2020-10-26T13:47:03Z","tags":[{"key":"a","value":"1"},` +
		`{"key":"\u0061","value":"\t"},{"key":"c"}],"publicAccess":{"permissionConfiguration":{"accountLevelPermissions":{"blockPublicAccess":` +
		`{"blockPublicAcls":true,"restrictPublicBuckets":false}}}}}`
	change := func(old, new string) string { return strings.Replace(bucket, old, new, 1) }
	blocks := []string{
		line("1", bucket) + line("2", bucket) + line("3", bucket),
		// The first is rejected, after its bucket.
		strings.Replace(line("1", bucket), "\n", "x\n", 1) + line("2", bucket) + line("3", bucket),
		line("1", bucket) + `{"resourcesAffected":{"s3Bucket":` + bucket + `,"s3Bucket":` + bucket + "}}\n" + line("3", bucket),
		line("1", bucket) + line("2", change("true", "null")) + line("3", change("true", "false")) + line("4", bucket),
		line("1", bucket) + line("2", change(`"1"`, `"2"`)) + line("3", change(`"tags"`, `"Tags"`)) + line("4", bucket),
		line("1", change(`"name"`, `"new"`)) + line("2", change(`"name"`, `"new"`)) + line("3", change(`"name"`, `"new"`)),
		line("1", "null") + line("2", "{}") + line("3", "null") + line("4", "{}") + line("5", "{ }"),
		line("1", bucket) + line("2", bucket+" ") + line("3", bucket+"x") + line("4", bucket[:len(bucket)-1]) + line("5", bucket),
		line("1", bucket) + strings.TrimSuffix(line("2", bucket), "\n"),
	}
	text := func(values ...string) (lines string) {
		for _, v := range values {
			lines += `{"id":` + v + `,"region":` + v + `,"classificationDetails":{"result":{"sensitiveData":[{"category":"C","detections":[` +
				`{"type":` + v + `,"count":1},{"type":` + v + `,"count":2}]}]}}}` + "\n"
		}
		return lines
	}
	rejected := func(value string) string { return strings.TrimSuffix(text(value), "\n") + "x\n" }
	blocks = append(blocks,
		text(`"eu"`, `"eu"`, `"eu-west"`, `"eu"`, `"e"`, `null`, `"e"`, `""`, `""`, `"e"`),
		text(`"e\u0075"`, `"e\u0075"`, `"eu"`, `"e\u0075"`, `"\""`, `"\""`, `"\"\""`, `"\\"`, `"\\"`, `"ü"`, `"ü"`, `"u"`),
		text(`"eu"`)+rejected(`"eu"`)+text(`"eu"`)+rejected(`"e\u0075"`)+text(`"e\u0075"`),
		text(`"eu-west-1"`)+`{"id":"eu-west-1","region":"eu-w`,
		text(`"eu-west-1"`)+`{"id":"eu-west-1","region":"eu-west-1"`,
	)
	locations := func(kind string, all ...string) {
		blocks = append(blocks, inOccurrence+`"`+kind+`":[`+strings.Join(all, ",")+`]}}]}]}}}`)
	}
	cell := func(row, rest string) string { return `{"row":"` + row + `","column":"3` + rest + "}" }
	locations("cells", cell("1", `"`), cell("2", `"`), cell("3", `0"`), cell("4", `"`), cell("04", `"`))
	locations("cells", cell("1", `","columnName":"n\u00e4me"`), cell("2", `","columnName":"n\u00e4me"`), cell("3", `","columnName":"n\u00e4me" `), cell("4", `"`))
	locations("cells", cell("1", `","columnName":"n"`), cell("2", `","columnName":"nn"`), cell("3", `","columnName":"n","new":1`), cell("4", `","columnName":"n","new":1`))
	locations("cells", cell("1", `","columnName":"n","cellReference":"S!C1"`), cell("2", `","columnName":"n","cellReference":"S!C1"`), cell("3", `","cellReference":"S!C1"`), cell("4", `"`))
	locations("cells", cell("1", `"`), "{}", cell("2", `","row":"1"`))
	locations("cells", cell("1", `"`), cell("2", `"`)+" ", " "+cell("3", `"`), cell("4", `"`), cell("-5", `"`), cell("1.5", `"`))
	locations("records", `{"recordIndex":"0","jsonPath":"$.\u0027a"}`, `{"recordIndex":"1","jsonPath":"$.\u0027a"}`, `{"recordIndex":"2"}`, `{"recordIndex":3,"jsonPath":"$.b"}`, `{"recordIndex":9,"new":{}}`)
	locations("lineRanges", `{"start":"1","end":"1"}`, `{"start":"2","end":"2","startColumn":"7"}`, `{"start":3,"end":3,"startColumn":1,"x":2}`, `{"start":"4","end":null}`)
	locations("pages", `{"pageNumber":"1"}`, `{"pageNumber":"2"}`, `{"pageNumber":"3","lineRange":{"start":"1"}}`, `{"pageNumber":"4"}`, `{"pageNumber":[]}`)
	var all [][]byte
	for _, b := range blocks {
		all = append(all, []byte(b))
	}
	return all
}

// TestDecoderRules compares the bulk decoder with the reference on every rule: alone,
// and between other lines.
func TestDecoderRules(t *testing.T) {
	all := bulkDecoders()
	for _, data := range inputs(t) {
		checkDecoders(t, all, data)
		checkDecoders(t, all, slices.Concat([]byte("{\"id\":\"a\"}\n"), data, []byte("\n{\"region\":\"b\",\"x\":1}\n")))
	}
}

// TestDecoderRows compares the bulk decoder with rows written by hand.
func TestDecoderRows(t *testing.T) {
	b := fullBatch()
	schema.NewDecoder(schema.DecoderOptions{}).Decode(b)
	if d := reference.Diff(fullRows(), reference.FromBatch(b)); d != "" {
		t.Error(d)
	}
}

// TestDecoderSamples compares the bulk decoder with the reference on real results,
// none of which may be rejected.
func TestDecoderSamples(t *testing.T) {
	all := samples(t)
	if all == nil {
		t.Skip("real results are not available")
	}
	for _, data := range all {
		checkDecoders(t, bulkDecoders(), data)
		b := schema.NewBatch()
		b.AppendLines(schema.Source{}, 1, 0, data)
		schema.NewDecoder(schema.DecoderOptions{}).Decode(b)
		if len(b.Rejects) > 0 || len(b.Results) == 0 || len(b.Unknown) > 0 {
			t.Errorf("%d results, %d rejects, unknown fields %v", len(b.Results), len(b.Rejects), b.Unknown)
		}
	}
}

// TestDecoderDamagedLines cuts a line at every byte, puts bytes that have a meaning in
// JSON at every position, and damages whole lines at random.
func TestDecoderDamagedLines(t *testing.T) {
	all := bulkDecoders()[:1]
	for _, data := range append(samples(t), []byte(fullLine)) {
		for seed := range uint64(100) {
			checkDecoders(t, all, reference.Damage(seed, data))
		}
	}
	line := []byte(`{"id":"a\u00e9\ud83d\ude00é","count":"12","createdAt":"2021-09-14T19:44:10.5+01:00","sample":true,"x":{"y":[1.5e3,null]},` +
		`"resourcesAffected":{"s3Bucket":{"tags":[{"key":"k","value":"v"}]}},"classificationDetails":{"result":{"sensitiveData":[{"totalCount":3,` +
		`"detections":[{"type":"T","count":3,"occurrences":{"cells":[{"row":"1","column":2,"cellReference":"A1"}],"lineRanges":[{"start":"1"}],` +
		`"pages":[{"pageNumber":"1","offsetRange":{"end":2}}],"records":[{"recordIndex":"0","jsonPath":"$.a"},{"recordIndex":"1","jsonPath":"$.a"}]}}]}]}}}`)
	for i := range line {
		checkDecoders(t, all, line[:i])
		for _, c := range []byte("\"\\{}[],: \n0-.eu\x00\xc3\xff") {
			other := bytes.Clone(line)
			other[i] = c
			checkDecoders(t, all, other)
			if !testing.Short() {
				checkDecoders(t, all, slices.Insert(bytes.Clone(line), i, c))
			}
		}
	}
}

// TestDecoderReusedBuffer decodes a line that is cut short in a batch that held the
// whole line before, so that the rest of the line is still in memory after its end.
func TestDecoderReusedBuffer(t *testing.T) {
	dec := schema.NewDecoder(schema.DecoderOptions{})
	b := schema.NewBatch()
	for i := range fullLine {
		b.Reset()
		b.AppendLines(schema.Source{}, 1, 0, []byte(fullLine))
		b.Reset()
		b.AppendLines(schema.Source{}, 1, 0, []byte(fullLine[:i]))
		want := reference.Decode(b, schema.DecoderOptions{})
		dec.Decode(b)
		if d := reference.Diff(want, reference.FromBatch(b)); d != "" {
			t.Fatalf("%q: %s", fullLine[:i], d)
		}
	}
}

// TestDecoderAlternatesBatches decodes a batch while another batch of the same decoder
// is still read.
func TestDecoderAlternatesBatches(t *testing.T) {
	dec := schema.NewDecoder(schema.DecoderOptions{})
	one, two := fullBatch(), fullBatch()
	two.Reset()
	two.RunID = "run"
	two.AppendLines(schema.Source{}, 1, 0, []byte("{}\n"))
	two.AppendLines(one.Sources[0], 3, 100, []byte(fullLine))
	want := reference.Decode(two, schema.DecoderOptions{})
	dec.Decode(one)
	dec.Decode(two)
	for range 2 {
		if d := reference.Diff(fullRows(), reference.FromBatch(one)); d != "" {
			t.Errorf("the first batch: %s", d)
		}
		if d := reference.Diff(want, reference.FromBatch(two)); d != "" {
			t.Errorf("the second batch: %s", d)
		}
		dec.Decode(one)
	}
}

// TestDecoderGenerated compares the bulk decoder with the reference on generated
// lines, which must reach every class of error and every kind of row.
func TestDecoderGenerated(t *testing.T) {
	n := uint64(1500)
	if testing.Short() {
		n = 500
	}
	all := bulkDecoders()
	reached := map[string]int{}
	for seed := range n {
		data := reference.Generate(seed)
		checkDecoders(t, all, data)
		b := schema.NewBatch()
		b.AppendLines(schema.Source{}, 1, 0, data)
		out := reference.Decode(b, schema.DecoderOptions{})
		for _, r := range out.Rejects {
			reached[string(r.Class)]++
		}
		for _, row := range out.Tables["occurrences"] {
			reached[row["location_kind"].(string)]++
		}
		reached["results"] += len(out.Tables["results"])
		reached["detections"] += len(out.Tables["detections"])
		reached["unknown"] += len(out.Unknown)
	}
	for _, name := range []string{
		"results", "detections", "unknown", "cell", "line", "offset", "page", "record",
		string(schema.Nesting), string(schema.Malformed), string(schema.TrailingText), string(schema.NotObject),
		string(schema.WrongType), string(schema.DuplicateField), string(schema.IntegerRange), string(schema.InvalidUTF8),
		string(schema.InvalidTime), string(schema.TagWithoutKey),
	} {
		if reached[name] == 0 {
			t.Errorf("%d seeds never reached %s", n, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(reached)) {
		t.Logf("%-16s %d", name, reached[name])
	}
}

// FuzzDecode compares the bulk decoder with the reference on any bytes.
func FuzzDecode(f *testing.F) {
	for _, data := range inputs(f) {
		f.Add(data)
	}
	all := bulkDecoders()
	f.Fuzz(func(t *testing.T, data []byte) { checkDecoders(t, all, data) })
}

// FuzzStructured compares the bulk decoder with the reference on generated lines.
func FuzzStructured(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	all := bulkDecoders()
	f.Fuzz(func(t *testing.T, seed uint64) { checkDecoders(t, all, reference.Generate(seed)) })
}

// A text that is equal to that of the previous line or detection has the same Span.
func TestDecoderSharesSpans(t *testing.T) {
	line := `{"id":"a","region":"r","category":"\u0063","classificationDetails":{"result":{"sensitiveData":[{"category":"C","detections":[` +
		`{"type":"T","count":1},{"type":"T","count":2}]}]}}}` + "\n"
	b := schema.NewBatch()
	b.AppendLines(schema.Source{}, 1, 0, []byte(line+"x\n"+strings.Replace(line, `"a"`, `"b"`, 1)))
	schema.NewDecoder(schema.DecoderOptions{}).Decode(b)
	if len(b.Results) != 2 || len(b.Detections) != 4 || len(b.Rejects) != 1 {
		t.Fatalf("%d results, %d detections, %d rejects", len(b.Results), len(b.Detections), len(b.Rejects))
	}
	one, two := &b.Results[0], &b.Results[1]
	if one.Text[schema.Region] != two.Text[schema.Region] || one.Text[schema.ResultID] == two.Text[schema.ResultID] {
		t.Errorf("spans %v and %v", one.Text, two.Text)
	}
	for i := range b.Detections {
		if b.Detections[i].Text[schema.DetectionType] != b.Detections[0].Text[schema.DetectionType] {
			t.Errorf("detection %d has a span of its own", i)
		}
	}
}
