package doctor

import (
	"context"
	"io"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

const notResult = "point at the results, which are under AWSLogs/ACCOUNT/Macie/REGION/ in the bucket Macie exports to"

// decode looks whether an object's first lines are discovery results.
func (d *doctor) decode(ctx context.Context, s *Section, source *input.Source) {
	const name = "result"
	reader := stream.NewReader([]stream.Source{source.Object()}, stream.ReaderOptions{})
	defer reader.Close()
	b := schema.NewBatch()
	switch err := reader.Next(ctx, b); {
	case err == io.EOF: // nothing to decode, for a reason
		out := reader.Outcomes()
		switch {
		case len(out) > 0 && out[0].State == stream.Unreadable:
			d.fail(s, name, out[0].Err)
		case len(out) > 0 && out[0].State == stream.Rejected:
			s.failed(name, notResult, "%s would be rejected: %s", text.Short(source.URI), out[0].Class)
		default:
			s.failed(name, notResult, "%s has no lines", text.Short(source.URI))
		}
		return
	case err != nil:
		d.fail(s, name, err)
		return
	}
	schema.NewDecoder(schema.DecoderOptions{SkipOccurrences: true}).Decode(b)
	if len(b.Results) == 0 {
		class := schema.Class("blank")
		if len(b.Rejects) > 0 {
			class = b.Rejects[0].Class
		}
		s.failed(name, notResult, "%s: its first lines would be rejected: %s", text.Short(source.URI), class)
		return
	}
	r := &b.Results[0]
	get := func(slot int) string { return text.Short(string(b.Text(r.Text[slot]))) }
	if r.Text[schema.ResultID].Null() || r.Text[schema.BucketName].Null() || r.Text[schema.ObjectKey].Null() {
		s.failed(name, notResult, "%s is JSON, but no discovery result: it names no analysed object", text.Short(source.URI))
		return
	}
	s.ok(name, "schema version %s, account %s, region %s", get(schema.SchemaVersion), get(schema.AccountID), get(schema.Region))
}
