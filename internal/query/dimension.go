package query

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/nearest"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Dimension is what groups are told apart by: a value of subjects, or of
// findings. The zero Dimension isn't one.
type Dimension struct {
	field *field
	key   string // of prefix, tag and bucket_tag
}

// Name is the dimension as it is written: type, prefix:2, tag:owner.
func (d Dimension) Name() string {
	if d.field.kind == where.Map {
		return d.field.name + ":" + d.key
	}
	return d.field.name
}

// OfFindings reports whether the dimension tells findings apart, as opposed to
// their subjects.
func (d Dimension) OfFindings() bool { return d.field.ofFinding != nil }

// OfMembers reports whether the dimension is of files inside archives alone.
func (d Dimension) OfMembers() bool { return d.field.ofMembers }

// Equal reports whether both are the same dimension.
func (d Dimension) Equal(o Dimension) bool { return d.Name() == o.Name() }

// ParseDimension returns the dimension that is written so.
func ParseDimension(s string) (Dimension, error) {
	name, key, hasKey := strings.Cut(s, ":")
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name && f.dimension() })
	if i < 0 {
		return Dimension{}, fmt.Errorf("unknown dimension %q: %s", name, nearest.Suggestion(name, DimensionNames()))
	}
	f := &fields[i]
	if hasKey != (f.kind == where.Map) {
		if hasKey {
			return Dimension{}, fmt.Errorf("dimension %s takes no key", name)
		}
		return Dimension{}, &KeylessError{name, f.example}
	}
	if f.check != nil {
		if err := f.check(key); err != nil {
			return Dimension{}, err
		}
	}
	return Dimension{f, key}, nil
}

// KeylessError says that a dimension needs a key.
type KeylessError struct{ Name, Example string }

func (e *KeylessError) Error() string {
	return fmt.Sprintf("%s needs a key, for example %s", e.Name, e.Example)
}

// DimensionNames returns how the dimensions are written, in their order.
func DimensionNames() []string {
	var names []string
	for i := range fields {
		if fields[i].dimension() {
			names = append(names, fields[i].written())
		}
	}
	return names
}

// FieldDoc describes a dimension or another field of a filter.
type FieldDoc struct {
	Name       string // as it is written: type, prefix:N
	Doc        string
	Dimension  bool
	OfFindings bool // of a finding, as opposed to its subject
}

// FieldDocs describes all dimensions and fields, in their order.
func FieldDocs() []FieldDoc {
	docs := make([]FieldDoc, len(fields))
	for i := range fields {
		f := &fields[i]
		docs[i] = FieldDoc{f.written(), f.doc, f.dimension(), f.ofFinding != nil}
	}
	return docs
}

// Fields returns what a filter of summaries may name, for where.Parse.
func Fields() []where.Field {
	list := make([]where.Field, len(fields))
	for i := range fields {
		f := &fields[i]
		list[i] = where.Field{Name: f.name, Kind: f.kind, Check: f.check, Example: f.example, Spellings: f.spellings, Known: f.known}
	}
	return list
}

// OfMembers reports whether a field, by its index in Fields, is of files inside
// archives alone.
func OfMembers(i int) bool { return fields[i].ofMembers }

// FilterOfMembers reports whether a filter on Fields is on what files inside
// archives alone have.
func FilterOfMembers(f *where.Filter) bool {
	return slices.ContainsFunc(f.Fields(), func(i int) bool { return fields[i].ofMembers })
}

// field is a value that subjects or findings have. Those of text are dimensions,
// too. It has a column, or is of findings, or of subjects.
type field struct {
	name      string
	kind      where.Kind
	doc       string
	ofMembers bool
	// column returns where the value comes from in results.
	column func(key string) current.Column
	from   current.From
	own    bool // a finding has the value of the result that speaks for it
	// Values that are made up are appended to scratch.
	ofFinding func(f *current.Finding, scratch *[]byte) where.Value
	ofSubject func(s *current.Subject, scratch *[]byte) where.Value
	needs     facts                   // that the value is made of
	check     func(key string) error  // of a Map
	keyDoc    string                  // what stands for the key in help texts
	example   string                  // of a Map: with a key
	spellings map[string]string       // other ways to write values
	known     func(value string) bool // of values that nothing may have
}

// facts are what a state has of subjects only where it is asked to.
type facts uint8

const (
	severity facts = 1 << iota
	exposure
)

func (f *field) dimension() bool { return f.kind == where.Text || f.kind == where.Map }

func (f *field) written() string {
	if f.kind == where.Map {
		return f.name + ":" + f.keyDoc
	}
	return f.name
}

// OwnerField is the field of what the configuration says.
const OwnerField = "owner"

// monthField is the field that states of months have a meaning of their own for.
const monthField = "month"

// fields in the order they are documented. It is only read.
var fields = []field{
	ofFinding("category", "category of sensitive data: FINANCIAL_INFORMATION, PERSONAL_INFORMATION, CREDENTIALS, CUSTOM_IDENTIFIER", (*current.Finding).Category),
	ofFinding("type", "type of sensitive data, such as CREDIT_CARD_NUMBER; the name of a custom identifier", func(f *current.Finding) where.Value { return f.Type }),
	ofFinding("identifier_kind", "managed or custom", (*current.Finding).Kind),
	ofFinding("identifier", "ID of the custom data identifier", func(f *current.Finding) where.Value { return f.Identifier }),
	ofFinding("state", "confirmed, or unconfirmed: of replaced content", func(f *current.Finding) where.Value {
		if f.Confirmed {
			return where.TextValue(confirmed)
		}
		return where.TextValue(unconfirmed)
	}),
	ofFinding("type_severity", "Low, Medium or High, by type and count as AWS publishes it", func(f *current.Finding) where.Value {
		return orNull(f.Severity().String())
	}),
	ofFinding("cause", "why occurrences have no location: limit (Macie reports 1,000), none, unknown", func(f *current.Finding) where.Value {
		return orNull(f.Cause())
	}),
	resultText("partition", "AWS partition", "aws_partition", schema.AWSPartition, current.FromStanding),
	resultText("account", "account that owns the bucket", "account_id", schema.AccountID, current.FromBucket),
	resultText("region", "AWS Region", "region", schema.Region, current.FromBucket),
	resultText("bucket", "bucket of the object", "bucket_name", schema.BucketName, current.FromStanding),
	{
		name: "object", doc: "the object as s3://BUCKET/KEY",
		column: column([]string{"bucket_name", "object_key"}, objectURI),
	},
	resultText("key", "key of the object", "object_key", schema.ObjectKey, current.FromStanding),
	{
		name: "prefix", kind: where.Map, keyDoc: "N", example: "prefix:2", doc: "the object's first N folders, as s3://BUCKET/a/b/", check: checkDepth,
		column: func(key string) current.Column {
			depth, _ := strconv.Atoi(key) // it was checked
			return current.Column{Table: []string{"bucket_name", "object_key"}, Value: func(b *schema.Batch, r *schema.Result, scratch *[]byte) where.Value {
				return prefixOf(b, r, depth, scratch)
			}}
		},
	},
	own(resultText("job", "job that analysed, of a finding the job that reported it; none for automated discovery", "job_id", schema.JobID, current.FromStanding)),
	own(resultText("origin", "SENSITIVE_DATA_DISCOVERY_JOB or AUTOMATED_SENSITIVE_DATA_DISCOVERY", "origin_type", schema.OriginType, current.FromStanding)),
	own(resultText("administrator", "Macie administrator account, where the source's key names it", "admin_account_id", schema.AdminAccountID, current.FromStanding)),
	of(severity, "severity", "highest severity of the object: Low, Medium or High; none where nothing was found", func(s *current.Subject) where.Value { return s.Severity }),
	resultText("status", "outcome: COMPLETE, PARTIAL or SKIPPED", "status_code", schema.StatusCode, current.FromStanding),
	resultText("reason", "why it is partial or skipped", "status_reason", schema.StatusReason, current.FromStanding),
	ofSubject("gone", "why the object is gone; none where it isn't", func(s *current.Subject) where.Value { return orNull(s.Gone.String()) }),
	resultText("mime_type", "media type", "mime_type", schema.MimeType, current.FromStanding),
	{
		name: "extension", doc: "file name extension, of a member its own",
		column: column([]string{"object_extension", "archive_member_extension", "is_archive_member"}, func(b *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
			if isMember(r) {
				return textOf(b, r, schema.ArchiveMemberExtension)
			}
			return textOf(b, r, schema.ObjectExtension)
		}),
	},
	resultText("storage_class", "storage class of the object", "object_storage_class", schema.ObjectStorageClass, current.FromNewest),
	fact("public", "whether the bucket or the object is public, as last seen: yes, no, unknown", func(s *current.Subject) current.Fact { return s.Public }),
	fact("unencrypted", "whether the object is unencrypted, as last seen: yes, no, unknown", func(s *current.Subject) current.Fact { return s.Unencrypted }),
	of(exposure, "encryption", "encryption of the object: NONE, AES256, aws:kms, aws:kms:dsse, UNKNOWN", func(s *current.Subject) where.Value { return s.ObjectEncryption }),
	of(exposure, "bucket_encryption", "default encryption of the bucket", func(s *current.Subject) where.Value { return s.BucketEncryption }),
	of(exposure, "public_access", "whether the bucket is public: PUBLIC, NOT_PUBLIC, UNKNOWN", func(s *current.Subject) where.Value { return s.PublicAccess }),
	of(exposure, "object_public", "whether the object is public: true or false", func(s *current.Subject) where.Value {
		switch s.ObjectPublic {
		case current.Yes:
			return where.TextValue(trueText)
		case current.No:
			return where.TextValue(falseText)
		}
		return where.Value{}
	}),
	createdText("date", "day of the last analysis, in UTC, as 2026-11-22", time.DateOnly),
	createdText(monthField, "month of the last analysis, in UTC, as 2026-11; with --trend the month that ended", "2006-01"),
	{
		name: "archive", doc: "of a member: its archive as s3://BUCKET/KEY", ofMembers: true,
		column: column([]string{"bucket_name", "object_key", "is_archive_member"}, func(b *schema.Batch, r *schema.Result, scratch *[]byte) where.Value {
			if !isMember(r) {
				return where.Value{}
			}
			return objectURI(b, r, scratch)
		}),
	},
	{
		name: "member", doc: "path of a file inside an archive", ofMembers: true,
		ofSubject: func(s *current.Subject, _ *[]byte) where.Value { return s.Path },
	},
	tagOf("tag", "value of the object's tag of that key", "object_tags", schema.ObjectTags, current.FromNewest),
	tagOf("bucket_tag", "value of the bucket's tag of that key", "bucket_tags", schema.BucketTags, current.FromBucket),
	{
		name: OwnerField, doc: "whose the object is, as the configuration says", known: func(string) bool { return true },
		ofSubject: func(*current.Subject, *[]byte) where.Value { return where.Value{} },
	},

	{name: "count", kind: where.Int, doc: "occurrences of the finding", ofFinding: func(f *current.Finding, _ *[]byte) where.Value {
		if !f.HasCount {
			return where.Value{}
		}
		return where.IntValue(f.Count.Clamped())
	}},
	{name: "locations", kind: where.Int, doc: "reported locations of the finding", ofFinding: func(f *current.Finding, _ *[]byte) where.Value { return where.IntValue(f.Locations) }},
	{name: "unlocated", kind: where.Int, doc: "occurrences of the finding without a location", ofFinding: func(f *current.Finding, _ *[]byte) where.Value { return where.IntValue(f.Unlocated().Clamped()) }},
	resultInt("bytes", where.Int, "bytes that were analysed", "size_classified", schema.SizeClassified, current.FromStanding),
	resultInt("size", where.Int, "size of the object in bytes", "object_size", schema.ObjectSize, current.FromNewest),
	{name: "severity_score", kind: where.Int, needs: severity, doc: "severity as a number, 1 to 3", ofSubject: func(s *current.Subject, _ *[]byte) where.Value { return s.Score }},
	resultInt("created_at", where.Time, "when the last analysis was reported", "created_at", schema.CreatedAt, current.FromStanding),
	resultInt("modified", where.Time, "when the analysed content was last modified", "object_last_modified", schema.ObjectLastModified, current.FromStanding),
}

var (
	confirmed, unconfirmed = []byte("confirmed"), []byte("unconfirmed")
	trueText, falseText    = []byte("true"), []byte("false")
	factTexts              = [...][]byte{current.Unknown: []byte("unknown"), current.No: []byte("no"), current.Yes: []byte("yes")}
)

func factValue(f current.Fact) where.Value { return where.TextValue(factTexts[f]) }

func orNull(text string) where.Value {
	if text == "" {
		return where.Value{}
	}
	return where.TextValue([]byte(text))
}

func ofFinding(name, doc string, value func(*current.Finding) where.Value) field {
	return field{name: name, doc: doc, ofFinding: func(f *current.Finding, _ *[]byte) where.Value { return value(f) }}
}

func ofSubject(name, doc string, value func(*current.Subject) where.Value) field {
	return field{name: name, doc: doc, ofSubject: func(s *current.Subject, _ *[]byte) where.Value { return value(s) }}
}

func of(needs facts, name, doc string, value func(*current.Subject) where.Value) field {
	f := ofSubject(name, doc, value)
	f.needs = needs
	return f
}

// fact is a field of a fact, which may be asked for as true and false, too.
func fact(name, doc string, value func(*current.Subject) current.Fact) field {
	f := of(exposure, name, doc, func(s *current.Subject) where.Value { return factValue(value(s)) })
	f.spellings = map[string]string{"true": "yes", "false": "no"}
	return f
}

// own makes findings have the value of the result that speaks for them.
func own(f field) field {
	f.own = true
	return f
}

// column returns a column that takes no key.
func column(table []string, value func(*schema.Batch, *schema.Result, *[]byte) where.Value) func(string) current.Column {
	return func(string) current.Column { return current.Column{Table: table, Value: value} }
}

func resultText(name, doc, table string, slot int, from current.From) field {
	return field{name: name, doc: doc, from: from, column: column([]string{table}, func(b *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
		if v := textOf(b, r, slot); slot != schema.AdminAccountID || !v.Null() || b.Sources[r.Source].AdminAccountID == "" {
			return v
		}
		return where.TextValue([]byte(b.Sources[r.Source].AdminAccountID))
	})}
}

func resultInt(name string, kind where.Kind, doc, table string, slot int, from current.From) field {
	return field{name: name, kind: kind, doc: doc, from: from, column: column([]string{table}, func(_ *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
		return intOf(r, slot)
	})}
}

func createdText(name, doc, layout string) field {
	return field{name: name, doc: doc, column: column([]string{"created_at"}, func(_ *schema.Batch, r *schema.Result, scratch *[]byte) where.Value {
		if !r.HasInt(schema.CreatedAt) {
			return where.Value{}
		}
		at := time.UnixMicro(r.Int[schema.CreatedAt]).UTC()
		return made(scratch, func(out []byte) []byte { return at.AppendFormat(out, layout) })
	})}
}

func tagOf(name, doc, table string, slot int, from current.From) field {
	return field{
		name: name, kind: where.Map, keyDoc: "KEY", example: name + ":Owner", doc: doc, from: from,
		column: func(key string) current.Column {
			return current.Column{
				Table: []string{table},
				Has:   func(r *schema.Result) bool { return r.MapSet&(1<<slot) != 0 },
				Value: func(b *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
					// Of several tags with a key the last counts.
					for i := r.Maps[slot].End; i > r.Maps[slot].First; i-- {
						if t := b.Tags[i-1]; string(b.Text(t.Key)) == key {
							return valueOf(b, t.Value)
						}
					}
					return where.Value{}
				},
			}
		},
	}
}

// made returns a text that is appended to scratch.
func made(scratch *[]byte, fill func([]byte) []byte) where.Value {
	start := len(*scratch)
	*scratch = fill(*scratch)
	return where.TextValue((*scratch)[start:len(*scratch):len(*scratch)])
}

func valueOf(b *schema.Batch, s schema.Span) where.Value {
	if s.Null() {
		return where.Value{}
	}
	return where.TextValue(b.Text(s))
}

func textOf(b *schema.Batch, r *schema.Result, slot int) where.Value { return valueOf(b, r.Text[slot]) }

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

// objectURI is the object as people write it; null where its key is.
func objectURI(b *schema.Batch, r *schema.Result, scratch *[]byte) where.Value {
	if r.Text[schema.ObjectKey].Null() {
		return where.Value{}
	}
	return made(scratch, func(out []byte) []byte {
		return append(appendBucket(out, b, r), b.Text(r.Text[schema.ObjectKey])...)
	})
}

func appendBucket(out []byte, b *schema.Batch, r *schema.Result) []byte {
	out = append(out, "s3://"...)
	out = append(out, b.Text(r.Text[schema.BucketName])...)
	return append(out, '/')
}

const maxDepth = 1000

func checkDepth(key string) error {
	n, err := strconv.Atoi(key)
	if err != nil || n < 0 || n > maxDepth || strconv.Itoa(n) != key {
		return fmt.Errorf("want a number of folders from 0 to %d, as in prefix:2", maxDepth)
	}
	return nil
}

// prefixOf is the bucket and the first folders of the key, of which a key may
// have fewer.
func prefixOf(b *schema.Batch, r *schema.Result, depth int, scratch *[]byte) where.Value {
	if r.Text[schema.ObjectKey].Null() {
		return where.Value{}
	}
	rest := b.Text(r.Text[schema.ObjectKey])
	end := 0
	for ; depth > 0; depth-- {
		i := bytes.IndexByte(rest[end:], '/')
		if i < 0 {
			break
		}
		end += i + 1
	}
	return made(scratch, func(out []byte) []byte { return append(appendBucket(out, b, r), rest[:end]...) })
}
