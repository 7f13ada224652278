package query

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Dimension is what groups are told apart by: a value of results, or of
// detections. The zero Dimension isn't one.
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

// OfTypes reports whether the dimension tells types of sensitive data apart,
// as opposed to results.
func (d Dimension) OfTypes() bool { return d.field.ofType != nil }

// OfMembers reports whether the dimension is of files inside archives alone.
func (d Dimension) OfMembers() bool { return d.field.ofMembers }

// Equal reports whether both are the same dimension.
func (d Dimension) Equal(o Dimension) bool { return d.Name() == o.Name() }

// ParseDimension returns the dimension that is written so.
func ParseDimension(s string) (Dimension, error) {
	name, key, hasKey := strings.Cut(s, ":")
	i := slices.IndexFunc(fields, func(f field) bool { return f.name == name && f.dimension() })
	if i < 0 {
		return Dimension{}, fmt.Errorf("there is no dimension %q; there are %s", name, strings.Join(DimensionNames(), ", "))
	}
	f := &fields[i]
	if hasKey != (f.kind == where.Map) {
		if hasKey {
			return Dimension{}, fmt.Errorf("the dimension %s takes nothing after it", name)
		}
		return Dimension{}, fmt.Errorf("the dimension %s wants more: %s", name, f.written())
	}
	if f.check != nil {
		if err := f.check(key); err != nil {
			return Dimension{}, err
		}
	}
	return Dimension{f, key}, nil
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
	Name      string // as it is written: type, prefix:N
	Doc       string
	Dimension bool
	OfTypes   bool // of a detection, as opposed to a result
}

// FieldDocs describes all dimensions and fields, in their order.
func FieldDocs() []FieldDoc {
	docs := make([]FieldDoc, len(fields))
	for i := range fields {
		f := &fields[i]
		docs[i] = FieldDoc{f.written(), f.doc, f.dimension(), f.ofType != nil}
	}
	return docs
}

// Fields returns what a filter of summaries may name, for where.Parse.
func Fields() []where.Field {
	list := make([]where.Field, len(fields))
	for i := range fields {
		list[i] = where.Field{Name: fields[i].name, Kind: fields[i].kind, Check: fields[i].check}
	}
	return list
}

// FilterOfMembers reports whether a filter on Fields is on what files inside
// archives alone have.
func FilterOfMembers(f *where.Filter) bool {
	return slices.ContainsFunc(f.Fields(), func(i int) bool { return fields[i].ofMembers })
}

// field is a value that results or detections have. Those of text are
// dimensions, too.
type field struct {
	name      string
	kind      where.Kind
	doc       string
	ofMembers bool
	// columns are those of the table results that a value is made of.
	columns []string
	// ofResult returns the value of a result of b. What it has to make up it
	// appends to scratch.
	ofResult func(b *schema.Batch, r *schema.Result, key string, scratch *[]byte) where.Value
	ofType   func(d *detection) where.Value // instead, for detections
	check    func(key string) error         // of a Map
	keyDoc   string                         // what stands for the key in help texts
}

func (f *field) dimension() bool { return f.kind == where.Text || f.kind == where.Map }

func (f *field) written() string {
	if f.kind == where.Map {
		return f.name + ":" + f.keyDoc
	}
	return f.name
}

// fields in the order they are documented. It is only read.
var fields = []field{
	typeText("category", "category of sensitive data: FINANCIAL_INFORMATION, PERSONAL_INFORMATION, CREDENTIALS, CUSTOM_IDENTIFIER", 1),
	typeText("type", "type of sensitive data, such as CREDIT_CARD_NUMBER; the name of a custom identifier", 2),
	typeText("identifier_kind", "managed or custom", 0),
	typeText("identifier", "ID of the custom data identifier", 3),
	resultText("partition", "AWS partition", "aws_partition", schema.AWSPartition),
	resultText("account", "account that owns the bucket", "account_id", schema.AccountID),
	resultText("region", "AWS Region", "region", schema.Region),
	resultText("bucket", "bucket of the object", "bucket_name", schema.BucketName),
	{
		name: "object", doc: "the object as s3://BUCKET/KEY", columns: []string{"bucket_name", "object_key"},
		ofResult: func(b *schema.Batch, r *schema.Result, _ string, scratch *[]byte) where.Value {
			return objectURI(b, r, scratch)
		},
	},
	resultText("key", "key of the object", "object_key", schema.ObjectKey),
	{
		name: "prefix", kind: where.Map, keyDoc: "N", doc: "the object's first N folders, as s3://BUCKET/a/b/",
		columns: []string{"bucket_name", "object_key"}, ofResult: prefixOf, check: checkDepth,
	},
	resultText("job", "job that analysed; none for automated discovery", "job_id", schema.JobID),
	resultText("origin", "SENSITIVE_DATA_DISCOVERY_JOB or AUTOMATED_SENSITIVE_DATA_DISCOVERY", "origin_type", schema.OriginType),
	resultText("severity", "Low, Medium or High; none where nothing was found", "severity", schema.Severity),
	resultText("status", "outcome: COMPLETE, PARTIAL or SKIPPED", "status_code", schema.StatusCode),
	resultText("reason", "why it is partial or skipped", "status_reason", schema.StatusReason),
	resultText("mime_type", "media type", "mime_type", schema.MimeType),
	{
		name: "extension", doc: "file name extension, of a file inside an archive its own",
		columns: []string{"object_extension", "archive_member_extension", "is_archive_member"},
		ofResult: func(b *schema.Batch, r *schema.Result, _ string, _ *[]byte) where.Value {
			if isMember(r) {
				return textOf(b, r, schema.ArchiveMemberExtension)
			}
			return textOf(b, r, schema.ObjectExtension)
		},
	},
	resultText("storage_class", "storage class of the object", "object_storage_class", schema.ObjectStorageClass),
	resultText("encryption", "encryption of the object: NONE, AES256, aws:kms, aws:kms:dsse, UNKNOWN", "object_encryption_type", schema.ObjectEncryptionType),
	resultText("bucket_encryption", "default encryption of the bucket", "bucket_encryption_type", schema.BucketEncryptionType),
	resultText("public_access", "whether the bucket is public: PUBLIC, NOT_PUBLIC, UNKNOWN", "bucket_effective_permission", schema.BucketEffectivePermission),
	{
		name: "object_public", doc: "whether the object is public: true or false", columns: []string{"object_public_access"},
		ofResult: func(_ *schema.Batch, r *schema.Result, _ string, scratch *[]byte) where.Value {
			value, ok := r.Bool(schema.ObjectPublicAccess)
			if !ok {
				return where.Value{}
			}
			return made(scratch, func(out []byte) []byte { return strconv.AppendBool(out, value) })
		},
	},
	createdText("date", "day the result was created, in UTC, as 2026-11-22", time.DateOnly),
	createdText("month", "month the result was created, in UTC, as 2026-11", "2006-01"),
	{
		name: "archive", doc: "of a file inside an archive: the archive as s3://BUCKET/KEY", ofMembers: true,
		columns: []string{"bucket_name", "object_key", "is_archive_member"},
		ofResult: func(b *schema.Batch, r *schema.Result, _ string, scratch *[]byte) where.Value {
			if !isMember(r) {
				return where.Value{}
			}
			return objectURI(b, r, scratch)
		},
	},
	memberPath(),
	tagOf("tag", "value of the object's tag of that key", "object_tags", schema.ObjectTags),
	tagOf("bucket_tag", "value of the bucket's tag of that key", "bucket_tags", schema.BucketTags),

	{name: "count", kind: where.Int, doc: "occurrences of the type in the object", ofType: func(d *detection) where.Value { return d.count }},
	{name: "locations", kind: where.Int, doc: "reported locations of the type in the object", ofType: func(d *detection) where.Value { return where.IntValue(d.locations) }},
	{name: "capped", kind: where.Bool, doc: "whether there are more occurrences than reported locations", ofType: func(d *detection) where.Value { return where.BoolValue(d.capped) }},
	resultInt("bytes", where.Int, "bytes that were analysed", "size_classified", schema.SizeClassified),
	resultInt("size", where.Int, "size of the object in bytes", "object_size", schema.ObjectSize),
	resultInt("severity_score", where.Int, "severity as a number, 1 to 3", "severity_score", schema.SeverityScore),
	resultInt("created_at", where.Time, "when the result was created", "created_at", schema.CreatedAt),
	resultInt("modified", where.Time, "when the object was last modified", "object_last_modified", schema.ObjectLastModified),
}

// Names of the fields that have a rule of their own among an object's results.
const (
	severityField      = "severity"
	severityScoreField = "severity_score"
)

func fieldNamed(name string) *field {
	return &fields[slices.IndexFunc(fields, func(f field) bool { return f.name == name })]
}

func typeText(name, doc string, part int) field {
	return field{name: name, doc: doc, ofType: func(d *detection) where.Value { return d.identity(part) }}
}

func resultText(name, doc, column string, slot int) field {
	return field{
		name: name, doc: doc, columns: []string{column},
		ofResult: func(b *schema.Batch, r *schema.Result, _ string, _ *[]byte) where.Value {
			return textOf(b, r, slot)
		},
	}
}

func resultInt(name string, kind where.Kind, doc, column string, slot int) field {
	return field{
		name: name, kind: kind, doc: doc, columns: []string{column},
		ofResult: func(_ *schema.Batch, r *schema.Result, _ string, _ *[]byte) where.Value { return intOf(r, slot) },
	}
}

func createdText(name, doc, layout string) field {
	return field{
		name: name, doc: doc, columns: []string{"created_at"},
		ofResult: func(_ *schema.Batch, r *schema.Result, _ string, scratch *[]byte) where.Value {
			if !r.HasInt(schema.CreatedAt) {
				return where.Value{}
			}
			at := time.UnixMicro(r.Int[schema.CreatedAt]).UTC()
			return made(scratch, func(out []byte) []byte { return at.AppendFormat(out, layout) })
		},
	}
}

func memberPath() field {
	f := resultText("member", "path of a file inside an archive", "archive_member_path", schema.ArchiveMemberPath)
	f.ofMembers = true
	return f
}

func tagOf(name, doc, column string, slot int) field {
	return field{
		name: name, kind: where.Map, keyDoc: "KEY", doc: doc, columns: []string{column},
		ofResult: func(b *schema.Batch, r *schema.Result, key string, _ *[]byte) where.Value {
			// Of several tags with a key the last counts.
			for i := r.Maps[slot].End; i > r.Maps[slot].First; i-- {
				if t := b.Tags[i-1]; string(b.Text(t.Key)) == key {
					return valueOf(b, t.Value)
				}
			}
			return where.Value{}
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
func prefixOf(b *schema.Batch, r *schema.Result, key string, scratch *[]byte) where.Value {
	if r.Text[schema.ObjectKey].Null() {
		return where.Value{}
	}
	depth, _ := strconv.Atoi(key) // it was checked
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
