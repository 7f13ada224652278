package current

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// From says which result a subject has the value of a column from.
type From uint8

const (
	// FromStanding is the standing result. A finding has the value of the result
	// that speaks for it.
	FromStanding From = iota
	// FromNewest is the newest result of the object itself, for its members, too.
	FromNewest
	// FromBucket is the newest result of any subject in the bucket that has it.
	FromBucket
)

// Column is a value of results that a caller needs of subjects.
type Column struct {
	// Table names the columns of the table results that the value is made of.
	Table []string
	Kind  where.Kind
	From  From
	// Value returns the value. It appends what it has to make up to scratch.
	Value func(b *schema.Batch, r *schema.Result, scratch *[]byte) where.Value
	// Has, of a column FromBucket, reports whether a result knows the value, which
	// may be null all the same; nil takes every value that isn't null.
	Has func(r *schema.Result) bool
}

// Result is what is kept of a result. It and what it refers to are valid as long
// as the Subject that it belongs to.
type Result struct {
	Analysis bool // COMPLETE or PARTIAL
	Partial  bool
	Bytes    int64         // that were analysed
	Created  where.Value   // a time
	Values   []where.Value // of the state's columns; null for those FromBucket

	gone              bool // the reason says that the object is gone
	origin            []byte
	modified, version where.Value // the content
	severity          severity
	public            Fact        // of the object
	encryption        where.Value // of the object
	// Of the bucket, where every result counts.
	permission, bucketEncryption where.Value

	detections []detection
}

// detection is what is kept of a detection.
type detection struct {
	id        []byte
	typ       where.Value
	custom    where.Value // ID of a custom identifier
	count     where.Value
	locations int64
}

// severity is that of a result. The zero severity is none.
type severity struct {
	score int64
	rated bool // there is a score
	name  []byte
}

// higher reports whether s is higher than o.
func (s severity) higher(o severity) bool {
	if s.rated != o.rated {
		return s.rated
	}
	if s.score != o.score {
		return s.score > o.score
	}
	return bytes.Compare(s.name, o.name) > 0
}

// severityOf returns the severity of a result.
func severityOf(b *schema.Batch, r *schema.Result) severity {
	var s severity
	if !r.Text[schema.Severity].Null() {
		s.name = b.Text(r.Text[schema.Severity])
	}
	if s.rated = r.HasInt(schema.SeverityScore); s.rated {
		s.score = r.Int[schema.SeverityScore]
	} else if named := awsvalues.SeverityNamed(string(s.name)); named != 0 {
		s.score, s.rated = int64(named), true
	}
	if s.rated && s.score >= int64(awsvalues.Low) && s.score <= int64(awsvalues.High) {
		s.name = severityNames[s.score-1]
	}
	return s
}

var severityNames = [...][]byte{[]byte("Low"), []byte("Medium"), []byte("High")}

// Sections of an object's records, in the order in which they come.
const (
	ownSection    = iota // results of the object itself
	hintSection          // results of members, in case the object has none
	memberSection        // results of members
)

// Bits of a record's first byte.
const (
	flagAnalysis = 1 << iota
	flagPartial
	flagGone
	flagPublic    // the object is
	flagNotPublic // the object isn't
	flagRated     // has a score
	flagLater     // exists only After
)

// encoder makes records of the results of batches. One goroutine uses it.
type encoder struct {
	o       *Options
	stored  []int // columns that records have
	seed    maphash.Seed
	scratch []byte
	id      []byte
	key     []byte
	record  []byte
	source  *schema.Source // of the last result; nil where there is none
	uri     []byte         // its URI
	admin   []byte         // the administrator that its key names; nil where it names none
	order   int            // where the order begins in key
	later   bool           // the last result exists only After
	run     []byte         // that it is of, where there is a Since
	lens    [3]int

	administrator where.Value // of the last result

	identities []byte // of the last result's detections, one after the other
	ends       []int  // where each ends
}

func newEncoder(o *Options, seed maphash.Seed) *encoder {
	return &encoder{o: o, stored: o.stored(), seed: seed}
}

// stored returns the columns whose values records have.
func (o *Options) stored() []int {
	var list []int
	for i := range o.Columns {
		if o.All || o.Columns[i].From != FromBucket {
			list = append(list, i)
		}
	}
	return list
}

// sourceOf notes the source of a result, the administrator that its key names, and
// whether it exists only After.
func (e *encoder) sourceOf(b *schema.Batch, r *schema.Result) {
	if source := &b.Sources[r.Source]; e.source != source {
		e.source = source
		e.uri, e.admin = append(e.uri[:0], source.URI...), append(e.admin[:0], source.AdminAccountID...)
	}
	if run := textOf(b, r, schema.RunID).Text(); e.o.Since != nil && (e.run == nil || !bytes.Equal(run, e.run)) {
		e.run = append(e.run[:0], run...)
		e.later = !e.o.Since(string(run))
	}
	e.administrator = textOf(b, r, schema.AdminAccountID)
	if e.administrator.Null() && len(e.admin) > 0 {
		e.administrator = where.TextValue(e.admin)
	}
}

// hashes of what a result is about: subjects of a bucket come together, and of
// those the subjects of an object.
func (e *encoder) prefix() uint64 {
	bucket := maphash.Bytes(e.seed, e.key[:e.lens[0]])
	object := maphash.Bytes(e.seed, e.key[:e.lens[1]])
	return bucket>>32<<32 | object>>32
}

// keyOf fills key: what the result is about, its section, and its place among the
// results of its subject (docs/current.md, "2. Order").
func (e *encoder) keyOf(b *schema.Batch, r *schema.Result, section byte, analysis bool) {
	key := where.AppendValue(e.key[:0], textOf(b, r, schema.AWSPartition), where.Text)
	key = where.AppendValue(key, textOf(b, r, schema.BucketName), where.Text)
	e.lens[0] = len(key)
	key = where.AppendValue(key, textOf(b, r, schema.ObjectKey), where.Text)
	e.lens[1] = len(key)
	key = append(key, section)
	if section == memberSection {
		key = where.AppendValue(key, textOf(b, r, schema.ArchiveMemberPath), where.Text)
	}
	e.lens[2] = len(key)
	e.order = len(key)
	key = where.AppendLatest(key, intOf(r, schema.CreatedAt))
	key = where.AppendLatest(key, intOf(r, schema.ObjectLastModified))
	key = append(key, boolByte(!analysis))
	id := textOf(b, r, schema.ResultID)
	key = where.AppendOrdered(key, id)
	if e.o.Since != nil && !id.Null() { // of repeats the one counts that was there before
		key = append(key, boolByte(e.later))
	}
	uri := textOf(b, r, schema.SourceURI)
	if uri.Null() {
		uri = where.TextValue(e.uri)
	}
	key = where.AppendOrdered(key, uri)
	e.key = binary.BigEndian.AppendUint64(key, uint64(r.Int[schema.SourceLine]))
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// identityOf returns the part of an order that repeats have in common: when they
// were created, and the result's ID, which is nil where there is none.
func identityOf(order []byte) (created, id []byte) {
	_, rest := where.TakeLatest(order)
	created = order[:len(order)-len(rest)]
	_, rest = where.TakeLatest(rest)
	if rest = rest[1:]; rest[0] != 1 {
		return created, nil
	}
	end := 1
	for rest[end] != 0 || rest[end+1] != 0 {
		if rest[end] == 0 {
			end++
		}
		end++
	}
	return created, rest[1:end:end]
}

// isAnalysis reports whether a result is an analysis, and whether in part.
func isAnalysis(b *schema.Batch, r *schema.Result) (analysis, partial bool) {
	if r.Text[schema.StatusCode].Null() {
		return false, false
	}
	code := b.Text(r.Text[schema.StatusCode])
	partial = string(code) == "PARTIAL"
	return partial || string(code) == "COMPLETE", partial
}

// originOf appends who looked: a job, or automated discovery of an administrator
// in a Region.
func originOf(out []byte, b *schema.Batch, r *schema.Result, administrator where.Value) []byte {
	if job := textOf(b, r, schema.JobID); !job.Null() {
		return where.AppendValue(append(out, 'j'), job, where.Text)
	}
	admin := administrator
	if admin.Null() {
		admin = textOf(b, r, schema.AccountID)
	}
	out = where.AppendValue(append(out, 'a'), admin, where.Text)
	return where.AppendValue(out, textOf(b, r, schema.Region), where.Text)
}

// jobOf returns the job of an origin; empty for automated discovery.
func jobOf(origin []byte) string {
	if len(origin) == 0 || origin[0] != 'j' {
		return ""
	}
	job, _ := where.TakeValue(origin[1:], where.Text)
	return string(job.Text())
}

// recordOf fills record with what is kept of a result. bare leaves out the values
// of columns.
func (e *encoder) recordOf(b *schema.Batch, r *schema.Result, analysis, partial, bare bool) {
	var flags byte
	set := func(bit byte, on bool) {
		if on {
			flags |= bit
		}
	}
	set(flagAnalysis, analysis)
	set(flagPartial, partial)
	set(flagLater, e.later)
	if !analysis && !r.Text[schema.StatusReason].Null() {
		set(flagGone, goneReason(b.Text(r.Text[schema.StatusReason])))
	}
	var encryption where.Value
	if e.o.Exposure {
		public, ok := r.Bool(schema.ObjectPublicAccess)
		set(flagPublic, ok && public)
		set(flagNotPublic, ok && !public)
		encryption = textOf(b, r, schema.ObjectEncryptionType)
	}
	var s severity
	if e.o.Severity {
		s = severityOf(b, r)
		set(flagRated, s.rated)
	}
	out := append(e.record[:0], flags)
	for _, n := range e.lens {
		out = binary.AppendUvarint(out, uint64(n))
	}
	out = where.AppendValue(out, textOf(b, r, schema.ObjectVersionID), where.Text)
	e.id = originOf(e.id[:0], b, r, e.administrator)
	out = where.AppendText(out, e.id)
	out = binary.AppendVarint(out, r.Int[schema.SizeClassified])
	out = binary.AppendVarint(out, s.score)
	if s.name == nil {
		out = append(out, 0)
	} else {
		out = where.AppendText(out, s.name)
	}
	out = where.AppendValue(out, encryption, where.Text)
	if e.o.All && e.o.Exposure {
		out = where.AppendValue(out, textOf(b, r, schema.BucketEffectivePermission), where.Text)
		out = where.AppendValue(out, textOf(b, r, schema.BucketEncryptionType), where.Text)
	}
	e.scratch = e.scratch[:0]
	for _, i := range e.stored {
		c := &e.o.Columns[i]
		var v where.Value
		if !bare {
			v = c.Value(b, r, &e.scratch)
		}
		out = where.AppendValue(out, v, c.Kind)
	}
	out = binary.AppendUvarint(out, uint64(len(e.ends)))
	for i := range e.ends {
		d := &b.Detections[int(r.Detections.First)+i]
		out = where.AppendText(out, e.identity(i))
		custom := customID(e.o.Config, b, d)
		if out = where.AppendValue(out, custom, where.Text); !custom.Null() { // otherwise the identity has it
			out = where.AppendValue(out, spanOf(b, d.Text[schema.DetectionType]), where.Text)
		}
		var count where.Value
		if d.HasInt(schema.DetectionOccurrenceCount) {
			count = where.IntValue(d.Int[schema.DetectionOccurrenceCount])
		}
		out = where.AppendValue(out, count, where.Int)
		out = binary.AppendUvarint(out, uint64(d.Int[schema.DetectionLocationCount]))
	}
	e.record = out
}

// identify notes what tells a result's detections apart.
func (e *encoder) identify(b *schema.Batch, r *schema.Result) {
	e.identities, e.ends = e.identities[:0], e.ends[:0]
	for i := r.Detections.First; i < r.Detections.End; i++ {
		e.identities = appendIdentity(e.identities, e.o.Config, b, &b.Detections[i])
		e.ends = append(e.ends, len(e.identities))
	}
}

// identity returns what identify noted of a detection.
func (e *encoder) identity(i int) []byte {
	start := 0
	if i > 0 {
		start = e.ends[i-1]
	}
	return e.identities[start:e.ends[i]]
}

// goneReason reports whether a status reason says that what was to be analysed
// isn't there any more (API reference, ClassificationResultStatus).
func goneReason(reason []byte) bool {
	return string(reason) == "SOURCE_OBJECT_NO_LONGER_AVAILABLE" || string(reason) == "NO_SUCH_BUCKET_AVAILABLE"
}

// appendIdentity appends what tells findings of a subject apart: kind, category,
// and the type, or in its place the ID of a custom identifier that has one.
func appendIdentity(out []byte, c *config.Config, b *schema.Batch, d *schema.Detection) []byte {
	out = where.AppendValue(out, spanOf(b, d.Text[schema.IdentifierKind]), where.Text)
	out = where.AppendValue(out, spanOf(b, d.Text[schema.Category]), where.Text)
	name := customID(c, b, d)
	if name.Null() {
		name = spanOf(b, d.Text[schema.DetectionType])
	}
	return where.AppendValue(out, name, where.Text)
}

// nameIn returns the last part of an identity.
func nameIn(identity []byte) where.Value {
	_, _, rest := where.TakeBytes(identity)
	_, _, rest = where.TakeBytes(rest)
	name, _ := where.TakeValue(rest, where.Text)
	return name
}

// customID returns the ID of a custom identifier, or the one that stands for it; null
// for others.
func customID(c *config.Config, b *schema.Batch, d *schema.Detection) where.Value {
	arn := spanOf(b, d.Text[schema.CustomIdentifierARN])
	if arn.Null() || string(spanOf(b, d.Text[schema.IdentifierKind]).Text()) != "custom" {
		return where.Value{}
	}
	// Macie writes either the ARN or the ID alone.
	text := arn.Text()
	return where.TextValue(c.Identifier(text[bytes.LastIndexByte(text, '/')+1:]))
}

// head is what a key and the beginning of its record say.
type head struct {
	flags             byte
	bucket, object    int // bytes of the key that name them
	subject           int
	created, modified where.Value
	version           where.Value
	rest              []byte // of the record
}

func takeHead(key, record []byte) (h head) {
	h.take(record)
	var rest []byte
	h.created, rest = where.TakeLatest(key[h.subject:])
	h.modified, _ = where.TakeLatest(rest)
	return h
}

// later reports whether the result exists only After.
func (h *head) later() bool { return h.flags&flagLater != 0 }

// take fills what the record says.
func (h *head) take(record []byte) {
	h.flags = record[0]
	b := record[1:]
	for _, n := range [...]*int{&h.bucket, &h.object, &h.subject} {
		v, size := binary.Uvarint(b)
		*n, b = int(v), b[size:]
	}
	h.version, h.rest = where.TakeValue(b, where.Text)
}

// decoder decodes records. One goroutine uses it.
type decoder struct {
	o      *Options
	stored []int
}

// result decodes a record into res, which refers to its bytes.
func (d *decoder) result(h *head, res *Result) {
	*res = Result{
		Analysis: h.flags&flagAnalysis != 0, Partial: h.flags&flagPartial != 0, gone: h.flags&flagGone != 0,
		Created: h.created, modified: h.modified, version: h.version,
		Values: res.Values[:0], detections: res.detections[:0],
	}
	switch {
	case h.flags&flagPublic != 0:
		res.public = Yes
	case h.flags&flagNotPublic != 0:
		res.public = No
	}
	var n int
	b := h.rest
	res.origin, _, b = where.TakeBytes(b)
	res.Bytes, n = binary.Varint(b)
	b = b[n:]
	res.severity.rated = h.flags&flagRated != 0
	res.severity.score, n = binary.Varint(b)
	res.severity.name, _, b = where.TakeBytes(b[n:])
	res.encryption, b = where.TakeValue(b, where.Text)
	if d.o.All && d.o.Exposure {
		res.permission, b = where.TakeValue(b, where.Text)
		res.bucketEncryption, b = where.TakeValue(b, where.Text)
	}
	for range d.o.Columns {
		res.Values = append(res.Values, where.Value{})
	}
	for _, i := range d.stored {
		res.Values[i], b = where.TakeValue(b, d.o.Columns[i].Kind)
	}
	count, n := binary.Uvarint(b)
	b = b[n:]
	for range count {
		var f detection
		f.id, _, b = where.TakeBytes(b)
		if f.custom, b = where.TakeValue(b, where.Text); f.custom.Null() {
			f.typ = nameIn(f.id)
		} else {
			f.typ, b = where.TakeValue(b, where.Text)
		}
		f.count, b = where.TakeValue(b, where.Int)
		locations, n := binary.Uvarint(b)
		f.locations = int64(locations)
		b = b[n:]
		res.detections = append(res.detections, f)
	}
}

func spanOf(b *schema.Batch, s schema.Span) where.Value {
	if s.Null() {
		return where.Value{}
	}
	return where.TextValue(b.Text(s))
}

func textOf(b *schema.Batch, r *schema.Result, slot int) where.Value { return spanOf(b, r.Text[slot]) }

func intOf(r *schema.Result, slot int) where.Value {
	if !r.HasInt(slot) {
		return where.Value{}
	}
	return where.IntValue(r.Int[slot])
}

func isMember(r *schema.Result) bool {
	member, _ := r.Bool(schema.IsArchiveMember)
	return member
}
