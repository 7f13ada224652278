package schema

import (
	"math"
)

// Methods that decode the values of known fields: decode_fields.go lists them by
// field. Their parameters and results are those of field.parse.

// child decodes a nested object, or null. The object's kind is slot.
func (d *bulkDecoder) child(slot, p int) int {
	if d.buf[p] != '{' {
		return d.takeNull(p)
	}
	return d.object(slot, p)
}

// span decodes a text, or null.
func (d *bulkDecoder) span(p int) (Span, int) {
	if d.buf[p] != '"' {
		return Span{}, d.takeNull(p)
	}
	return d.text(p)
}

// spanLike is span for a text that is often equal to the one before. It then
// returns the same Span, so that encoders need not compare the bytes.
func (d *bulkDecoder) spanLike(before Span, p int) (Span, int) {
	// Compare with the quotes, if before is in the raw lines.
	first, n := int(before.Off)-1, int(before.Len)+2
	if first >= 0 && first+n <= d.end && startsWith(d.buf[:d.end], p, d.buf[first:first+n]) {
		return before, p + n
	}
	return d.span(p)
}

func (d *bulkDecoder) resultText(slot, p int) int {
	d.res.Text[slot], p = d.spanLike(d.resBefore.Text[slot], p)
	return p
}

func (d *bulkDecoder) resultInt(slot, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		d.res.setInt(slot, v)
	}
	return p
}

func (d *bulkDecoder) resultInt32(slot, p int) int {
	v, ok, end := d.integer(p)
	if ok {
		if v < math.MinInt32 || v > math.MaxInt32 {
			return d.fail(IntegerRange, p)
		}
		d.res.setInt(slot, v)
	}
	return end
}

func (d *bulkDecoder) resultBool(slot, p int) int {
	switch d.buf[p] {
	case 't':
		p = d.literal(p, "true")
		d.res.setBool(slot, true)
	case 'f':
		p = d.literal(p, "false")
		d.res.setBool(slot, false)
	default:
		p = d.takeNull(p)
	}
	return p
}

func (d *bulkDecoder) resultTime(slot, p int) int {
	if d.buf[p] != '"' {
		return d.takeNull(p)
	}
	us, ok, end := d.time(p)
	if end < 0 {
		return end
	}
	if !ok {
		return d.fail(InvalidTime, p)
	}
	d.res.setInt(slot, us)
	return end
}

// integer decodes an integer, written as a number or as a string; ok is false for
// null.
func (d *bulkDecoder) integer(p int) (v int64, ok bool, end int) {
	buf := d.buf
	q := p
	quoted := buf[q] == '"'
	if quoted {
		q++
	}
	first := q
	for {
		c := buf[q] - '0'
		if c > 9 {
			break
		}
		v = v*10 + int64(c)
		q++
	}
	// This is the usual integer: at most 18 digits, without a sign or a leading
	// zero. slowInteger decodes every other one.
	n := q - first
	if n == 0 || n > 18 || n > 1 && buf[first] == '0' {
		return d.slowInteger(p)
	}
	if quoted {
		if buf[q] != '"' {
			return d.slowInteger(p)
		}
		return v, true, q + 1
	}
	if c := buf[q]; c == '.' || c|0x20 == 'e' {
		return d.slowInteger(p)
	}
	return v, true, q
}

func (d *bulkDecoder) slowInteger(p int) (v int64, ok bool, end int) {
	var digits []byte
	switch c := d.buf[p]; {
	case c == '"':
		s := d.stringEnd(p + 1)
		if s.broken {
			return 0, false, d.scalar(p)
		}
		digits, end = d.buf[p+1:s.end], s.end+1
		if s.escaped {
			if badUTF8(digits) >= 0 {
				return 0, false, d.fail(WrongType, p)
			}
			mark := len(d.b.Buf)
			digits = d.b.Text(d.unescape(digits))
			d.b.Buf = d.b.Buf[:mark]
		}
	case c == '-' || isDigit(c):
		if end = d.number(p); end < 0 {
			return 0, false, end
		}
		digits = d.buf[p:end]
	default:
		return 0, false, d.takeNull(p)
	}
	v, class := parseInteger(digits)
	if class != "" {
		return 0, false, d.fail(class, p)
	}
	return v, true, end
}

// parseInteger parses an integer that matches -?(0|[1-9][0-9]*). If it can't, it
// returns the class of the error.
func parseInteger(s []byte) (int64, Class) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 1 && s[0] == '0' {
		return 0, WrongType
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var v uint64
	over := false
	for _, c := range s {
		if !isDigit(c) {
			return 0, WrongType
		}
		digit := uint64(c - '0')
		if v > (limit-digit)/10 {
			over = true // continue: WrongType comes first
		}
		v = v*10 + digit
	}
	if over {
		return 0, IntegerRange
	}
	if negative {
		return -int64(v), ""
	}
	return int64(v), ""
}

// member decodes embeddedFileDetails, which a line has if its subject is a member.
func (d *bulkDecoder) member(_, p int) int {
	if d.buf[p] == '{' {
		d.res.setBool(IsArchiveMember, true)
	}
	return d.child(memberObject, p)
}

func (d *bulkDecoder) tags(slot, p int) int {
	b := d.b
	if d.buf[p] != '[' {
		return d.takeNull(p)
	}
	first := len(b.Tags)
	p = d.array(p, (*bulkDecoder).takeTag)
	if p < 0 {
		return p
	}
	unique := d.mergeTags(b.Tags[first:])
	b.Tags = b.Tags[:first+unique]
	d.res.Maps[slot] = Range{uint32(first), uint32(first + unique)}
	d.res.MapSet |= 1 << slot
	return p
}

func (d *bulkDecoder) takeTag(p int) int {
	d.frames[d.depth].index++
	if d.remaining.Tags--; d.remaining.Tags < 0 {
		return d.fail(TooManyValues, p)
	}
	d.tag = Tag{}
	p = d.object(tagObject, p)
	if p < 0 {
		return p
	}
	if d.tag.Key.Null() {
		return d.fail(TagWithoutKey, p-1)
	}
	d.b.Tags = append(d.b.Tags, d.tag)
	return p
}

func (d *bulkDecoder) tagText(slot, p int) int {
	s, p := d.span(p)
	if slot == 0 {
		d.tag.Key = s
	} else {
		d.tag.Value = s
	}
	return p
}

// fewTags is the most tags that are compared one with another. S3 allows 50 tags
// per bucket and 10 per object; hostile input may have any number.
const fewTags = 64

// mergeTags keeps one tag per key, with the last value and at the first position.
// It returns how many tags remain.
func (d *bulkDecoder) mergeTags(tags []Tag) int {
	n := 0
	if len(tags) > fewTags {
		d.tagByKey = make(map[string]int, len(tags))
		defer func() { d.tagByKey = nil }()
	}
	for _, t := range tags {
		at := d.findTag(tags[:n], t.Key)
		if at == n {
			tags[n] = t
			n++
		}
		tags[at].Value = t.Value
	}
	return n
}

// findTag returns the index of the tag with that key, or len(tags). If the line has
// many tags it also remembers the key.
func (d *bulkDecoder) findTag(tags []Tag, key Span) int {
	text := d.b.Text(key)
	if d.tagByKey != nil {
		at, ok := d.tagByKey[string(text)]
		if !ok {
			at = len(tags)
			d.tagByKey[string(text)] = at
		}
		return at
	}
	for i := range tags {
		if string(d.b.Text(tags[i].Key)) == string(text) {
			return i
		}
	}
	return len(tags)
}

func (d *bulkDecoder) categories(_, p int) int {
	first := len(d.b.Detections)
	p = d.array(p, (*bulkDecoder).takeCategory)
	d.managed = Range{uint32(first), uint32(len(d.b.Detections))}
	return p
}

func (d *bulkDecoder) takeCategory(p int) int {
	d.frames[d.depth].index++
	d.category = Span{}
	first := len(d.b.Detections)
	p = d.object(categoryObject, p)
	// The line can have the category after the detections.
	for i := first; i < len(d.b.Detections); i++ {
		d.b.Detections[i].Text[Category] = d.category
	}
	return p
}

func (d *bulkDecoder) categoryName(_, p int) int {
	d.category, p = d.span(p)
	return p
}

func (d *bulkDecoder) categoryTotal(_, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		d.sensitive.add(v)
	}
	return p
}

func (d *bulkDecoder) managedDetections(_, p int) int {
	return d.array(p, func(d *bulkDecoder, p int) int { return d.detection(p, managedObject, spanManaged, Span{}) })
}

func (d *bulkDecoder) customDetections(_, p int) int {
	first := len(d.b.Detections)
	p = d.array(p, func(d *bulkDecoder, p int) int { return d.detection(p, customObject, spanCustom, spanCustomIdentifier) })
	d.custom = Range{uint32(first), uint32(len(d.b.Detections))}
	return p
}

func (d *bulkDecoder) detection(p, object int, kind, category Span) int {
	b := d.b
	d.frames[d.depth].index++
	if d.remaining.Detections--; d.remaining.Detections < 0 {
		return d.fail(TooManyValues, p)
	}
	b.Detections = append(b.Detections, Detection{})
	d.det = &b.Detections[len(b.Detections)-1]
	if d.detBefore = &d.noDetection; len(b.Detections) > 1 {
		d.detBefore = &b.Detections[len(b.Detections)-2]
	}
	d.det.Text[IdentifierKind] = kind
	d.det.Text[Category] = category
	d.locations = 0
	p = d.object(object, p)
	d.det.setInt(DetectionLocationCount, d.locations)
	return p
}

func (d *bulkDecoder) detectionText(slot, p int) int {
	d.det.Text[slot], p = d.spanLike(d.detBefore.Text[slot], p)
	return p
}

func (d *bulkDecoder) detectionInt(slot, p int) int {
	v, ok, p := d.integer(p)
	if ok {
		d.det.setInt(slot, v)
	}
	return p
}
