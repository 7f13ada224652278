package schema

import (
	"bytes"
	"math"
	"slices"
)

// bulk is the decoder for many lines: one pass over the bytes, which pulls each
// value where the schema wants it and allocates nothing once its slices have
// grown. Positions are indexes into the batch's buffer; a negative one says that
// the line failed, and why is in class and at.
type bulk struct {
	skipOccurrences bool
	limits          Limits // on the values of a line
	objects         *[numObjects]objectFields

	b   *Batch
	buf []byte // b.Buf as it was when decoding began: the raw lines and padding
	end int    // of the raw lines
	res *Result
	// The last whole line and the detection before; empty for the first of the
	// batch.
	resBefore   *Result
	detBefore   *Detection
	noResult    Result
	noDetection Detection

	class Class // why the line failed
	at    int   // where

	left   Limits // what the line may still have
	nest   int    // open brackets
	level  int    // open known objects
	frames [numFrames]frame

	// Of the open category, detection, location and tag.
	category      Span
	sensitive     sum
	det           *Detection
	locations     int64
	cell          Cell
	position      Position
	page          Page
	record        Record
	tag           Tag
	managed       Range // detections of managed identifiers in the line
	custom        Range // of custom ones
	path, name    lastText
	newBucket     Span // the line's, where it was decoded
	buckets       [numBuckets]seenBucket
	unknown       []unknownField
	unknownPaths  []byte
	unknownNames  []string
	unknownByPath map[string]int
	tagByKey      map[string]int
	names         map[string]string // interned paths of unknown fields
}

// numFrames bounds the depth of known objects: root, classificationDetails,
// result, sensitiveData[], detections[], occurrences, pages[], lineRange.
const numFrames = 10

// frame is an open known object: its kind, the field being read, and the index
// in that field's array, or -1.
type frame struct {
	object, field uint8
	index         int
}

// lastText is the text of the row before: rows repeat column names and paths,
// and a text with the same raw bytes has the same value.
type lastText struct {
	raw  []byte // with the closing quote
	span Span
}

// padding behind the raw lines: more than the longest known key and a load.
const padding = 64

// maxBuf is what a Span can reach.
const maxBuf = math.MaxUint32

// NewDecoder returns the bulk decoder. It is not safe for concurrent use: one
// decoder a goroutine.
func NewDecoder(opts DecoderOptions) Decoder {
	return &bulk{
		skipOccurrences: opts.SkipOccurrences,
		limits:          opts.Limits(),
		objects:         knownObjects(),
		names:           make(map[string]string),
	}
}

// Decode implements Decoder.
func (d *bulk) Decode(b *Batch) {
	end := uint32(len(constants))
	for _, s := range b.Segments {
		end = max(end, s.End)
	}
	d.end = int(end)
	b.Buf = append(b.Buf[:end], make([]byte, padding)...)
	b.resetRows()
	d.b = b
	run := d.constant(b.RunID)
	for i := range b.Segments {
		s := &b.Segments[i]
		src := &b.Sources[s.Source]
		common := sourceText{
			run:   run,
			uri:   d.constant(src.URI),
			etag:  d.constant(src.ETag),
			admin: d.constant(src.AdminAccountID),
		}
		d.segment(s, &common)
	}
	d.b, d.buf, d.res, d.det = nil, nil, nil, nil
	d.path, d.name = lastText{}, lastText{}
	clear(d.buckets[:])
}

// sourceText is what all lines of a segment have in common.
type sourceText struct{ run, uri, etag, admin Span }

// constant adds a text that comes from outside the lines; an empty one is null.
func (d *bulk) constant(s string) Span {
	if s == "" {
		return Span{}
	}
	start := len(d.b.Buf)
	d.b.Buf = append(d.b.Buf, s...)
	return Span{uint32(start), uint32(len(s))}
}

func (d *bulk) segment(s *Segment, common *sourceText) {
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
	// Lines that have an end stop the scanners there, so where it is shows once
	// they are decoded.
	last := first + bytes.LastIndexByte(d.buf[first:end], '\n') + 1
	p := first
	for ; p < last; line++ {
		p = d.line(p, line, at(p), s.Source, common) + 1
	}
	if p == end {
		return
	}
	// The last line has no end: decode a copy that has one.
	start := len(b.Buf)
	b.Buf = append(b.Buf, b.Buf[p:end]...)
	b.Buf = append(b.Buf, '\n')
	b.Buf = append(b.Buf, make([]byte, padding)...)
	d.buf = b.Buf
	d.line(start, line, at(p), s.Source, common)
}

// line decodes the line at p, which ends with '\n', and returns where that is;
// at is its offset in the source.
func (d *bulk) line(p int, number, at int64, source uint32, common *sourceText) int {
	b := d.b
	b.LineCount++
	start := d.space(p)
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
	d.nest, d.level = 0, -1
	d.left = d.limits
	d.sensitive = sum{}
	d.newBucket = Span{}
	none := Range{uint32(mark.detections), uint32(mark.detections)}
	d.managed, d.custom = none, none
	d.path, d.name = lastText{}, lastText{}
	d.unknown, d.unknownPaths, d.unknownNames = d.unknown[:0], d.unknownPaths[:0], d.unknownNames[:0]

	if end := d.whole(start); end >= 0 {
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
		Source: source, Line: number, Offset: at + int64(d.at-p),
		Class: d.class, Raw: Span{uint32(p), uint32(n)},
	})
	return p + n
}

// whole decodes the line's object and what follows from all of it, and returns
// where the line ends.
func (d *bulk) whole(p int) int {
	if d.buf[p] != '{' {
		return d.wrong(p, NotObject)
	}
	end := d.object(rootObject, p)
	if end < 0 {
		return end
	}
	if !d.finish() {
		return d.fail(IntegerRange, end-1)
	}
	if p = d.space(end); d.buf[p] != '\n' {
		return d.fail(TrailingText, p)
	}
	if len(d.unknown) > 0 {
		return d.keepUnknown(p)
	}
	return p
}

// finish orders the line's detections and adds up; it returns false where a sum
// is outside int64.
func (d *bulk) finish() bool {
	b, r := d.b, d.res
	first, end := min(d.managed.First, d.custom.First), max(d.managed.End, d.custom.End)
	r.Detections = Range{first, end}
	if d.custom.First < d.managed.First { // custom came first in the line: rotate
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

// sum adds up integers and remembers whether it ever left int64.
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

func (d *bulk) fail(class Class, at int) int {
	d.class, d.at = class, at
	return -1
}

// object decodes the object of that kind at p, where its '{' is.
func (d *bulk) object(kind, p int) int {
	buf := d.buf
	o := &d.objects[kind]
	d.nest++
	d.level++
	fr := &d.frames[d.level]
	fr.object = uint8(kind)
	var seen uint32
	before := 0 // index into o.next
	if p = p + 1; buf[p] != '"' {
		if p = d.space(p); buf[p] == '}' {
			d.nest--
			d.level--
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
			} else if d.left.UnknownFields--; d.left.UnknownFields < 0 {
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
			if p = d.space(p); buf[p] != ':' {
				return d.fail(Malformed, p)
			}
		}
		p = d.space(p + 1)
		if id >= 0 {
			fr.field = uint8(id)
			fr.index = -1
			before = id + 1
			p = f.parse(d, f.slot, p)
		} else {
			p = d.unknownField(key, p)
		}
		if p < 0 {
			return p
		}
		p = d.space(p)
		switch buf[p] {
		case ',':
			if p++; buf[p] != '"' {
				p = d.space(p)
			}
		case '}':
			d.nest--
			d.level--
			return p + 1
		default:
			return d.fail(Malformed, p)
		}
	}
}

// array decodes the array at p, or null. For each of its values element is
// called, which may take several at once; it adds those it takes to the frame's
// index before it looks into the last.
func (d *bulk) array(p int, element func(d *bulk, p int) int) int {
	buf := d.buf
	if buf[p] != '[' {
		return d.null(p)
	}
	d.nest++
	if p = d.space(p + 1); buf[p] == ']' {
		d.nest--
		return p + 1
	}
	for {
		if buf[p] != '{' {
			return d.wrong(p, WrongType)
		}
		if p = element(d, p); p < 0 {
			return p
		}
		switch p = d.space(p); buf[p] {
		case ',':
			p = d.space(p + 1)
		case ']':
			d.nest--
			return p + 1
		default:
			return d.fail(Malformed, p)
		}
	}
}
