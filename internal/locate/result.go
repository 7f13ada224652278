package locate

import (
	"cmp"
	"strings"
)

// Text is a text that may be absent.
type Text struct {
	Value string
	Set   bool
}

// Int is an integer, or a time in microseconds since 1970, that may be absent.
type Int struct {
	Value int64
	Set   bool
}

// thing is what an analysis is of (docs/dataset.md, "What counts as current"):
// an object, or a file inside an archive.
type thing struct {
	partition, bucket, key Text
	isMember               bool
	member                 Text
}

// object is the object that a thing is or lies in.
func (t thing) object() thing {
	return thing{partition: t.partition, bucket: t.bucket, key: t.key}
}

// compare orders things as they are shown: an archive before its members.
func (t thing) compare(o thing) int {
	return cmp.Or(
		compareTexts(t.bucket, o.bucket), compareTexts(t.key, o.key), compareTexts(t.partition, o.partition),
		compareBools(t.isMember, o.isMember), compareTexts(t.member, o.member))
}

// Result is what is known from one line of discovery results.
type Result struct {
	thing thing

	ID, Account, Region, Job, Origin Text
	Created                          Int // time
	Status, Reason                   Text
	Severity                         Text
	score                            Int
	MimeType                         Text
	Size, Classified                 Int // bytes; of a file inside an archive its own size
	Modified                         Int // time, of the object
	MemberModified                   Int // time, of a file inside an archive
	Version                          Text
	SourceURI                        Text
	SourceLine                       Int
	Detections                       []Detection // in the order of their line
}

// Analysed reports whether the result is an analysis.
func (r *Result) Analysed() bool {
	return r.Status.Set && (r.Status.Value == "COMPLETE" || r.Status.Value == "PARTIAL")
}

// sameContent reports whether both are of one content.
func (r *Result) sameContent(o *Result) bool {
	return r.Modified == o.Modified && r.Version == o.Version
}

// compare orders the results of a thing, analyses and later ones first.
func (r *Result) compare(o *Result) int {
	return cmp.Or(-compareBools(r.Analysed(), o.Analysed()), r.compareAge(o))
}

// compareAge orders results, later ones first.
func (r *Result) compareAge(o *Result) int {
	return cmp.Or(compareLater(r.Modified, o.Modified), compareLater(r.Created, o.Created), r.compareNames(o))
}

// compareNames orders results by what names them, absent last.
func (r *Result) compareNames(o *Result) int {
	return cmp.Or(compareTexts(r.ID, o.ID), compareTexts(r.SourceURI, o.SourceURI), compareInts(r.SourceLine, o.SourceLine))
}

// Detection is a type of sensitive data in a result.
type Detection struct {
	Index         int64
	Kind          Text // managed or custom
	Category      Text
	Type          Text
	CustomID      Text // ARN or ID of a custom identifier
	Count         Int
	LocationCount int64
	Capped        bool
	Locations     []Location

	Result *Result // that it is of
}

// sameType reports whether both are of one type.
func (d *Detection) sameType(o *Detection) bool {
	return d.Kind == o.Kind && d.Category == o.Category && d.Type == o.Type && d.identifier() == o.identifier()
}

// compareType orders detections as they are shown.
func (d *Detection) compareType(o *Detection) int {
	return cmp.Or(-compareTexts(d.Kind, o.Kind), compareTexts(d.Category, o.Category),
		compareTexts(d.Type, o.Type), compareTexts(d.identifier(), o.identifier()))
}

// identifier is the ID of a custom identifier, which Macie writes alone or as the
// end of an ARN.
func (d *Detection) identifier() Text {
	return Text{d.CustomID.Value[strings.LastIndexByte(d.CustomID.Value, '/')+1:], d.CustomID.Set}
}

// compare orders detections of one type: the first counts.
func (d *Detection) compare(o *Detection) int {
	return cmp.Or(compareLater(d.Count, o.Count), compareLater(d.Result.Created, o.Result.Created),
		d.Result.compareNames(o.Result), cmp.Compare(d.Index, o.Index))
}

// Location is where an occurrence is. What its kind doesn't have is absent.
type Location struct {
	Kind                  string // cell, line, offset, page or record
	Row, Column           Int
	ColumnName, Reference Text
	Line, Offset          Range
	Page, Record          Int
	JSONPath              Text
}

// Range is a range of lines or offsets.
type Range struct{ Start, End, StartColumn Int }

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// compareTexts orders texts by their bytes, absent last.
func compareTexts(a, b Text) int {
	return cmp.Or(-compareBools(a.Set, b.Set), cmp.Compare(a.Value, b.Value))
}

// compareInts orders integers, absent last.
func compareInts(a, b Int) int {
	return cmp.Or(-compareBools(a.Set, b.Set), cmp.Compare(a.Value, b.Value))
}

// compareLater orders integers or times, the greatest first, absent last.
func compareLater(a, b Int) int {
	return cmp.Or(-compareBools(a.Set, b.Set), cmp.Compare(b.Value, a.Value))
}
