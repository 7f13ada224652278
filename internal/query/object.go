package query

import (
	"bytes"
	"encoding/binary"

	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// result is what a summary needs of a result. Its texts lie in memory of
// whoever made it.
type result struct {
	values            []where.Value // of the plan's columns
	analysed, partial bool
	size              int64       // bytes that were analysed
	modified, version where.Value // of the content
	detections        []detection
}

// detection is what a summary needs of a detection.
type detection struct {
	// id has, as values, what makes it a type of its own: kind, category, type
	// and custom identifier.
	id        []byte
	count     where.Value
	locations int64
	capped    bool
	values    []where.Value // of its result
}

// identity returns one of the values in id.
func (d *detection) identity(part int) where.Value {
	rest := d.id
	for ; part > 0; part-- {
		_, _, rest = takeBytes(rest)
	}
	v, _ := takeValue(rest, where.Text)
	return v
}

// object is what counts of the results of one thing: of an S3 object or a file
// inside an archive, or without the current rule of a single result.
type object struct {
	standing *result // what it is
	missed   *result // why it isn't analysed as it is now; nil if it is
	// detections are those that count, with the values of their own results.
	detections []detection
}

// column is a value of results that a summary needs.
type column struct {
	field *field
	key   string
}

// plan says which values of results are needed.
type plan struct {
	columns         []column
	severity, score int // where they are in columns; both -1 if neither is needed
}

// newPlan returns a plan that needs nothing yet.
func newPlan() *plan { return &plan{severity: -1, score: -1} }

// column returns where a value is, which it adds if need be.
func (p *plan) column(f *field, key string) int {
	for i, c := range p.columns {
		if c.field == f && c.key == key {
			return i
		}
	}
	p.columns = append(p.columns, column{f, key})
	at := len(p.columns) - 1
	switch f.name { // each wants the other
	case severityField:
		p.severity = at
		p.score = p.column(fieldNamed(severityScoreField), "")
	case severityScoreField:
		p.score = at
		p.severity = p.column(fieldNamed(severityField), "")
	}
	return at
}

// reader makes results of the rows of batches. One goroutine uses it.
type reader struct {
	plan    *plan
	scratch []byte
	res     result
}

// read returns what is needed of a result, valid until the next read.
func (rd *reader) read(b *schema.Batch, r *schema.Result) *result {
	rd.scratch = rd.scratch[:0]
	res := &rd.res
	res.values = res.values[:0]
	for _, c := range rd.plan.columns {
		res.values = append(res.values, c.field.ofResult(b, r, c.key, &rd.scratch))
	}
	status := b.Text(r.Text[schema.StatusCode])
	res.partial = string(status) == "PARTIAL"
	res.analysed = res.partial || string(status) == "COMPLETE"
	res.size = 0
	if r.HasInt(schema.SizeClassified) {
		res.size = r.Int[schema.SizeClassified]
	}
	res.modified = intOf(r, schema.ObjectLastModified)
	res.version = textOf(b, r, schema.ObjectVersionID)
	res.detections = res.detections[:0]
	for i := r.Detections.First; i < r.Detections.End; i++ {
		res.detections = append(res.detections, rd.detection(b, &b.Detections[i]))
	}
	return res
}

func (rd *reader) detection(b *schema.Batch, d *schema.Detection) detection {
	id := made(&rd.scratch, func(out []byte) []byte {
		for _, slot := range [...]int{schema.IdentifierKind, schema.Category, schema.DetectionType} {
			out = appendValue(out, valueOf(b, d.Text[slot]), where.Text)
		}
		identifier := valueOf(b, d.Text[schema.CustomIdentifierARN])
		if !identifier.Null() {
			// Macie writes either the ARN or the ID alone.
			arn := identifier.Text()
			identifier = where.TextValue(arn[bytes.LastIndexByte(arn, '/')+1:])
		}
		return appendValue(out, identifier, where.Text)
	})
	out := detection{id: id.Text(), locations: d.Int[schema.DetectionLocationCount], capped: d.Capped, values: rd.res.values}
	if d.HasInt(schema.DetectionOccurrenceCount) {
		out.count = where.IntValue(d.Int[schema.DetectionOccurrenceCount])
	}
	return out
}

// single is the object that a result is by itself.
func (res *result) single(o *object) *object {
	o.standing, o.missed, o.detections = res, nil, res.detections
	if !res.analysed {
		o.missed = res
	}
	return o
}

// appendThing appends what the result is of, and its place in the order of that
// thing's results: docs/dataset.md, "What counts as current".
func appendThing(key []byte, b *schema.Batch, r *schema.Result, analysed bool) (_ []byte, thing int) {
	for _, slot := range [...]int{schema.AWSPartition, schema.BucketName, schema.ObjectKey, schema.ArchiveMemberPath} {
		key = appendValue(key, textOf(b, r, slot), where.Text)
	}
	if isMember(r) {
		key = append(key, 1)
	} else {
		key = append(key, 0)
	}
	thing = len(key)
	if analysed {
		key = append(key, 0)
	} else {
		key = append(key, 1)
	}
	key = appendLatest(key, intOf(r, schema.ObjectLastModified))
	key = appendLatest(key, intOf(r, schema.CreatedAt))
	key = appendOrdered(key, textOf(b, r, schema.ResultID))
	uri := textOf(b, r, schema.SourceURI)
	if uri.Null() {
		uri = where.TextValue([]byte(b.Sources[r.Source].URI))
	}
	key = appendOrdered(key, uri)
	return binary.BigEndian.AppendUint64(key, uint64(r.Int[schema.SourceLine])), thing
}

// Bits of a record's first byte.
const (
	flagAnalysed = 1 << iota
	flagPartial
)

// appendRecord appends what a result is kept as among those of its thing.
func (p *plan) appendRecord(out []byte, thing int, res *result) []byte {
	var flags byte
	if res.analysed {
		flags |= flagAnalysed
	}
	if res.partial {
		flags |= flagPartial
	}
	out = append(out, flags)
	out = binary.AppendUvarint(out, uint64(thing))
	out = appendValue(out, res.modified, where.Time)
	out = appendValue(out, res.version, where.Text)
	out = binary.AppendVarint(out, res.size)
	for i, c := range p.columns {
		out = appendValue(out, res.values[i], c.field.kind)
	}
	out = binary.AppendUvarint(out, uint64(len(res.detections)))
	for i := range res.detections {
		d := &res.detections[i]
		out = appendText(out, d.id)
		out = appendValue(out, d.count, where.Int)
		n := uint64(d.locations) << 1
		if d.capped {
			n |= 1 // the lowest bit
		}
		out = binary.AppendUvarint(out, n)
	}
	return out
}

// head is the beginning of a record.
type head struct {
	flags             byte
	thing             int // bytes of the key that name the thing
	modified, version where.Value
	rest              []byte
}

func takeHead(b []byte) (h head) {
	h.flags = b[0]
	thing, size := binary.Uvarint(b[1:])
	h.thing = int(thing)
	h.modified, b = takeValue(b[1+size:], where.Time)
	h.version, h.rest = takeValue(b, where.Text)
	return h
}

// result returns the result of a record, whose bytes it refers to.
func (p *plan) result(h head) *result {
	res := &result{
		analysed: h.flags&flagAnalysed != 0, partial: h.flags&flagPartial != 0,
		modified: h.modified, version: h.version, values: make([]where.Value, len(p.columns)),
	}
	var n int
	b := h.rest
	res.size, n = binary.Varint(b)
	b = b[n:]
	for i, c := range p.columns {
		res.values[i], b = takeValue(b, c.field.kind)
	}
	count, n := binary.Uvarint(b)
	b = b[n:]
	res.detections = make([]detection, count)
	for i := range res.detections {
		d := &res.detections[i]
		d.values = res.values
		d.id, _, b = takeBytes(b)
		d.count, b = takeValue(b, where.Int)
		locations, n := binary.Uvarint(b)
		d.locations, d.capped = int64(locations>>1), locations&1 != 0
		b = b[n:]
	}
	return res
}
