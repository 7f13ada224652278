package schema

import (
	"bytes"
	"math"
	"slices"
)

// bulkDecoder decodes many lines in one pass over the bytes, puts each value into
// its slot, and allocates nothing once its slices have grown. Its methods take and
// return positions: indexes into the batch's buffer. They return a negative
// position when the line is rejected, for the reason in failClass and failAt.
type bulkDecoder struct {
	skipOccurrences bool
	limits          Limits
	objects         *[numObjects]objectFields

	b   *Batch
	buf []byte // the raw lines and padding: b.Buf before the decoder appended to it
	end int    // where the raw lines end
	res *Result
	// The result of the last decoded line, and the detection before det. Each is
	// empty at the beginning of the batch.
	resBefore   *Result
	detBefore   *Detection
	noResult    Result
	noDetection Detection

	failClass Class // why the line is rejected
	failAt    int   // position of its first error

	remaining Limits // how many values of each kind the line may still have
	nesting   int    // number of open brackets and braces
	depth     int    // index in frames of the innermost open object, or -1
	frames    [numFrames]frame

	// Values of the open category, detection, location and tag.
	category      Span
	sensitive     sum
	det           *Detection
	locations     int64
	cell          Cell
	position      Position
	page          Page
	record        Record
	tag           Tag
	managed       Range // the line's detections by managed data identifiers
	custom        Range // the line's detections by custom data identifiers
	path, name    lastText
	newBucket     Span // the line's s3Bucket, or null if it isn't to be remembered
	buckets       [numBuckets]seenBucket
	unknown       []unknownField
	unknownPaths  []byte
	unknownNames  []string
	unknownByPath map[string]int
	tagByKey      map[string]int
	names         map[string]string // interned paths of unknown fields
}

// numFrames is more than the most known objects that can be open: root,
// classificationDetails, result, sensitiveData[], detections[], occurrences,
// pages[], lineRange.
const numFrames = 10

// frame is an open JSON object of a known kind, the field being read, and the index
// in that field's array, or -1.
type frame struct {
	object, field uint8
	index         int
}

// lastText is the text of the previous row. Rows often repeat column names and
// paths, and a text with the same raw bytes has the same value.
type lastText struct {
	raw  []byte // with the closing quote
	span Span
}

// padding is the number of bytes after the raw lines that scanners may read: more
// than the longest known key and a load of eight bytes.
const padding = 64

// maxBuf is the largest offset that a Span can have.
const maxBuf = math.MaxUint32

// NewDecoder returns a decoder. It is not safe for concurrent use: make one per
// goroutine.
func NewDecoder(opts DecoderOptions) Decoder {
	return &bulkDecoder{
		skipOccurrences: opts.SkipOccurrences,
		limits:          opts.Limits(),
		objects:         knownObjects(),
		names:           make(map[string]string),
	}
}

// Decode implements Decoder.
func (d *bulkDecoder) Decode(b *Batch) {
	end := uint32(len(constants))
	for _, s := range b.Segments {
		end = max(end, s.End)
	}
	d.end = int(end)
	b.Buf = append(b.Buf[:end], make([]byte, padding)...)
	b.resetRows()
	d.b = b
	run := d.appendText(b.RunID)
	for i := range b.Segments {
		s := &b.Segments[i]
		src := &b.Sources[s.Source]
		common := sourceText{
			run:   run,
			uri:   d.appendText(src.URI),
			etag:  d.appendText(src.ETag),
			admin: d.appendText(src.AdminAccountID),
		}
		d.decodeSegment(s, &common)
	}
	d.b, d.buf, d.res, d.det = nil, nil, nil, nil
	d.path, d.name = lastText{}, lastText{}
	clear(d.buckets[:])
}

// sourceText holds the texts that all lines of a segment share.
type sourceText struct{ run, uri, etag, admin Span }

// appendText appends a text that isn't in the lines to the batch. An empty text is
// null.
func (d *bulkDecoder) appendText(s string) Span {
	if s == "" {
		return Span{}
	}
	start := len(d.b.Buf)
	d.b.Buf = append(d.b.Buf, s...)
	return Span{uint32(start), uint32(len(s))}
}

func (d *bulkDecoder) decodeSegment(s *Segment, common *sourceText) {
	b := d.b
	if s.TooLong != 0 {
		b.LineCount++
		b.Rejects = append(b.Rejects, Reject{
			Source: s.Source, Line: s.Line, Offset: s.TooLong,
			Class: LineTooLong, Raw: Span{s.Start, s.End - s.Start},
		})
		return
	}
	d.buf = b.Buf
	line := s.Line
	first, end := int(s.Start), int(s.End)
	at := func(p int) int64 { return s.Offset + int64(p-first) }
	// A newline stops the scanners, so decoding finds where each line ends.
	last := first + bytes.LastIndexByte(d.buf[first:end], '\n') + 1
	p := first
	for ; p < last; line++ {
		p = d.decodeLine(p, line, at(p), s.Source, common) + 1
	}
	if p == end {
		return
	}
	// The last line has no newline: decode a copy that has one.
	start := len(b.Buf)
	b.Buf = append(b.Buf, b.Buf[p:end]...)
	b.Buf = append(b.Buf, '\n')
	b.Buf = append(b.Buf, make([]byte, padding)...)
	d.buf = b.Buf
	d.decodeLine(start, line, at(p), s.Source, common)
}

// decodeLine decodes the line at p, which ends with '\n', and returns the position
// of the '\n'. If the line is rejected, it undoes what the line added. at is the
// line's offset in the source.
func (d *bulkDecoder) decodeLine(p int, number, at int64, source uint32, common *sourceText) int {
	b := d.b
	b.LineCount++
	start := d.skipSpace(p)
	if d.buf[start] == '\n' {
		b.BlankCount++
		return start
	}
	mark := struct{ results, detections, cells, lines, offsets, pages, records, tags, buf int }{
		len(b.Results), len(b.Detections), len(b.Cells), len(b.Lines), len(b.Offsets),
		len(b.Pages), len(b.Records), len(b.Tags), len(b.Buf),
	}
	b.Results = append(b.Results, Result{Source: source})
	d.res = &b.Results[mark.results]
	if d.resBefore = &d.noResult; mark.results > 0 {
		d.resBefore = &b.Results[mark.results-1]
	}
	d.res.Text[RunID] = common.run
	d.res.Text[SourceURI] = common.uri
	d.res.Text[SourceETag] = common.etag
	d.res.Text[AdminAccountID] = common.admin
	d.res.setInt(SourceLine, number)
	d.res.setBool(IsArchiveMember, false)
	d.nesting, d.depth = 0, -1
	d.remaining = d.limits
	d.sensitive = sum{}
	d.newBucket = Span{}
	none := Range{uint32(mark.detections), uint32(mark.detections)}
	d.managed, d.custom = none, none
	d.path, d.name = lastText{}, lastText{}
	d.unknown, d.unknownPaths, d.unknownNames = d.unknown[:0], d.unknownPaths[:0], d.unknownNames[:0]

	if end := d.parseLine(start); end >= 0 {
		d.rememberBucket(mark.results)
		return end
	}
	b.Results = b.Results[:mark.results]
	b.Detections = b.Detections[:mark.detections]
	b.Cells = b.Cells[:mark.cells]
	b.Lines = b.Lines[:mark.lines]
	b.Offsets = b.Offsets[:mark.offsets]
	b.Pages = b.Pages[:mark.pages]
	b.Records = b.Records[:mark.records]
	b.Tags = b.Tags[:mark.tags]
	b.Buf = b.Buf[:mark.buf]
	n := bytes.IndexByte(d.buf[p:], '\n')
	b.Rejects = append(b.Rejects, Reject{
		Source: source, Line: number, Offset: at + int64(d.failAt-p),
		Class: d.failClass, Raw: Span{uint32(p), uint32(n)},
	})
	return p + n
}

// parseLine decodes the line's object and computes the columns that depend on all
// of it. It returns the position of the line's '\n'.
func (d *bulkDecoder) parseLine(p int) int {
	if d.buf[p] != '{' {
		return d.failToken(p, NotObject)
	}
	end := d.object(rootObject, p)
	if end < 0 {
		return end
	}
	if !d.finishResult() {
		return d.fail(IntegerRange, end-1)
	}
	if p = d.skipSpace(end); d.buf[p] != '\n' {
		return d.fail(TrailingText, p)
	}
	if len(d.unknown) > 0 {
		return d.appendUnrecognized(p)
	}
	return p
}

// finishResult orders the line's detections and computes the result's sums. It
// returns false if a sum overflows int64.
func (d *bulkDecoder) finishResult() bool {
	b, r := d.b, d.res
	first, end := min(d.managed.First, d.custom.First), max(d.managed.End, d.custom.End)
	r.Detections = Range{first, end}
	if d.custom.First < d.managed.First { // the line has custom before managed: rotate
		dets := b.Detections[first:end]
		slices.Reverse(dets[:d.custom.Len()])
		slices.Reverse(dets[d.custom.Len():])
		slices.Reverse(dets)
	}
	var counts sum
	var locations int64
	for i := range b.Detections[first:end] {
		det := &b.Detections[int(first)+i]
		det.setInt(DetectionIndex, int64(i))
		counts.add(det.Int[DetectionOccurrenceCount])
		n := det.Int[DetectionLocationCount]
		locations += n
		det.Capped = n >= 1000 && det.HasInt(DetectionOccurrenceCount) && n < det.Int[DetectionOccurrenceCount]
	}
	r.setInt(SensitiveTotalCount, d.sensitive.total)
	r.setInt(TypeCount, int64(end-first))
	r.setInt(OccurrenceCount, counts.total)
	r.setInt(LocationCount, locations)
	if r.Text[ObjectVersionID].Len == 0 {
		r.Text[ObjectVersionID] = Span{}
	}
	return !d.sensitive.overflow && !counts.overflow
}

// sum adds up integers and remembers whether the total ever overflowed.
type sum struct {
	total    int64
	overflow bool
}

func (s *sum) add(v int64) {
	t := s.total + v
	if (t < s.total) != (v < 0) {
		s.overflow = true
	}
	s.total = t
}

// fail rejects the line for an error at a position.
func (d *bulkDecoder) fail(class Class, at int) int {
	d.failClass, d.failAt = class, at
	return -1
}

// object decodes an object of a known kind, whose '{' is at p.
func (d *bulkDecoder) object(kind, p int) int {
	buf := d.buf
	o := &d.objects[kind]
	d.nesting++
	d.depth++
	fr := &d.frames[d.depth]
	fr.object = uint8(kind)
	var seen uint32
	before := 0 // index into o.next
	if p = p + 1; buf[p] != '"' {
		if p = d.skipSpace(p); buf[p] == '}' {
			d.nesting--
			d.depth--
			return p + 1
		}
	}
	for {
		id := int(o.next[before])
		f := &o.fields[id]
		keyEnd := p + 1 + len(f.name)
		var key Span
		keyAt := p
		if buf[p] == '"' && buf[keyEnd] == '"' && string(buf[p+1:keyEnd]) == f.name {
			p = keyEnd + 1
		} else {
			if buf[p] != '"' {
				return d.fail(Malformed, p)
			}
			if key, p = d.text(p); p < 0 {
				return p
			}
			if id = o.find(d.b.Text(key)); id >= 0 {
				f = &o.fields[id]
				o.next[before] = uint8(id)
			} else if d.remaining.UnknownFields--; d.remaining.UnknownFields < 0 {
				return d.fail(TooManyValues, keyAt)
			}
		}
		if id >= 0 {
			if seen&(1<<id) != 0 {
				return d.fail(DuplicateField, keyAt)
			}
			seen |= 1 << id
		}
		if buf[p] != ':' {
			if p = d.skipSpace(p); buf[p] != ':' {
				return d.fail(Malformed, p)
			}
		}
		p = d.skipSpace(p + 1)
		if id >= 0 {
			fr.field = uint8(id)
			fr.index = -1
			before = id + 1
			p = f.parse(d, f.slot, p)
		} else {
			p = d.takeUnknown(key, p)
		}
		if p < 0 {
			return p
		}
		p = d.skipSpace(p)
		switch buf[p] {
		case ',':
			if p++; buf[p] != '"' {
				p = d.skipSpace(p)
			}
		case '}':
			d.nesting--
			d.depth--
			return p + 1
		default:
			return d.fail(Malformed, p)
		}
	}
}

// array decodes the array of objects at p, or null. It calls element for the value
// at a position; element may take several values at once. It adds their number to
// the frame's index before it decodes the last of them.
func (d *bulkDecoder) array(p int, element func(d *bulkDecoder, p int) int) int {
	buf := d.buf
	if buf[p] != '[' {
		return d.takeNull(p)
	}
	d.nesting++
	if p = d.skipSpace(p + 1); buf[p] == ']' {
		d.nesting--
		return p + 1
	}
	for {
		if buf[p] != '{' {
			return d.failToken(p, WrongType)
		}
		if p = element(d, p); p < 0 {
			return p
		}
		switch p = d.skipSpace(p); buf[p] {
		case ',':
			p = d.skipSpace(p + 1)
		case ']':
			d.nesting--
			return p + 1
		default:
			return d.fail(Malformed, p)
		}
	}
}
