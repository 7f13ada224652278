package batchtest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/macielake/macielake/pkg/schema"
)

// Estate makes batches in the shape of a real estate's results: most objects
// clean, a heavy tail of locations up to 1,000 a type, most of them cells and
// records, lines of one file close in account, bucket and time.
type Estate struct {
	*rand.Rand
	b                            *schema.Batch
	lines                        int
	account, region, job, bucket string
	uri                          string
	line                         int64
	created                      int64
	types, categories, columns   []string
}

// NewEstate returns an estate, the same for the same seed.
func NewEstate(seed uint64) *Estate {
	return &Estate{
		Rand:       rand.New(rand.NewPCG(seed, 0)),
		created:    1_793_000_000_000_000,
		types:      []string{"CREDIT_CARD_NUMBER", "NAME", "ADDRESS", "DATE_OF_BIRTH", "USA_SOCIAL_SECURITY_NUMBER", "EMAIL_ADDRESS", "PHONE_NUMBER", "BANK_ACCOUNT_NUMBER", "USA_PASSPORT_NUMBER", "AWS_CREDENTIALS"},
		categories: []string{"FINANCIAL_INFORMATION", "PERSONAL_INFORMATION", "PERSONAL_INFORMATION", "PERSONAL_INFORMATION", "PERSONAL_INFORMATION", "PERSONAL_INFORMATION", "PERSONAL_INFORMATION", "FINANCIAL_INFORMATION", "PERSONAL_INFORMATION", "CREDENTIALS"},
		columns:    []string{"card_number", "full_name", "street address", "dob", "ssn", "email", "phone", "iban", "passport", "secret"},
	}
}

func (g *Estate) text(format string, args ...any) schema.Span {
	off := len(g.b.Buf)
	g.b.Buf = fmt.Appendf(g.b.Buf, format, args...)
	return schema.Span{Off: uint32(off), Len: uint32(len(g.b.Buf) - off)}
}

func (g *Estate) hex(n int) string {
	p := make([]byte, n)
	for i := range p {
		p[i] = "0123456789abcdef"[g.IntN(16)]
	}
	return string(p)
}

func (g *Estate) chance(percent int) bool { return g.IntN(100) < percent }

// Batch returns the next results.
func (g *Estate) Batch(results int) *schema.Batch {
	g.b = schema.NewBatch()
	for range results {
		g.result()
	}
	return g.b
}

func (g *Estate) result() {
	if g.lines%250 == 0 { // the next file
		g.account = fmt.Sprintf("%012d", 111122223333+int64(g.lines/4000)*7919)
		g.region = []string{"us-east-1", "eu-central-1"}[g.lines/20000%2]
		if g.lines%1000 == 0 {
			g.job = g.hex(32)
		}
		g.bucket = fmt.Sprintf("corp-data-%s-%03d", g.region, g.lines/500)
		g.uri = fmt.Sprintf("s3://macie-results-%s/AWSLogs/%s/Macie/%s/%s/%s/%s-%s.jsonl.gz", g.region, g.account, g.region, g.job, g.account, g.hex(8), g.hex(12))
		g.line = 0
	}
	g.lines++
	g.line++
	g.created += g.Int64N(3_000_000)
	var r schema.Result
	set := func(slot int, format string, args ...any) { r.Text[slot] = g.text(format, args...) }
	num := func(slot int, v int64) {
		r.Int[slot] = v
		r.IntSet |= 1 << slot
	}
	kind := g.IntN(100)
	extension, mime := "csv", "text/csv"
	switch {
	case kind < 45:
	case kind < 60:
		extension, mime = "jsonl", "application/json"
	case kind < 75:
		extension, mime = "avro", "application/avro"
	case kind < 83:
		extension, mime = "json", "application/json"
	case kind < 92:
		extension, mime = "txt", "text/plain"
	case kind < 96:
		extension, mime = "pdf", "application/pdf"
	default:
		extension, mime = "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	}
	key := fmt.Sprintf("exports/%s/2026/%02d/%02d/part-%05d-%s.%s", []string{"crm", "billing", "hr", "web"}[g.IntN(4)], 1+g.IntN(12), 1+g.IntN(28), g.IntN(100000), g.hex(8), extension)
	set(schema.ResultID, "%s", g.hex(32))
	set(schema.SchemaVersion, "1.0")
	set(schema.AccountID, "%s", g.account)
	set(schema.AWSPartition, "aws")
	set(schema.Region, "%s", g.region)
	set(schema.AdminAccountID, "%s", "999988887777")
	set(schema.JobID, "%s", g.job)
	set(schema.JobARN, "arn:aws:macie2:%s:%s:classification-job/%s", g.region, g.account, g.job)
	set(schema.OriginType, "SENSITIVE_DATA_DISCOVERY_JOB")
	num(schema.CreatedAt, g.created)
	num(schema.UpdatedAt, g.created)
	set(schema.FindingCategory, "CLASSIFICATION")
	set(schema.StatusCode, "COMPLETE")
	set(schema.MimeType, "%s", mime)
	size := int64(math.Exp(g.NormFloat64()*2 + 11))
	num(schema.SizeClassified, size)
	num(schema.ObjectSize, size)
	set(schema.BucketName, "%s", g.bucket)
	set(schema.BucketARN, "arn:aws:s3:::%s", g.bucket)
	num(schema.BucketCreatedAt, 1_600_000_000_000)
	set(schema.BucketOwnerID, "%s%s", "5555555555555555555555555555555555555555555555555555", g.account)
	set(schema.BucketOwnerDisplayName, "owner-%s", g.account)
	set(schema.BucketEncryptionType, "%s", []string{"AES256", "aws:kms"}[g.lines/2000%2])
	set(schema.BucketEffectivePermission, "NOT_PUBLIC")
	set(schema.BucketAllowsUnencryptedUploads, "%s", []string{"TRUE", "FALSE", "UNKNOWN"}[g.lines/700%3])
	set(schema.ObjectBucketARN, "arn:aws:s3:::%s", g.bucket)
	set(schema.ObjectKey, "%s", key)
	set(schema.ObjectPath, "%s/%s", g.bucket, key)
	set(schema.ObjectExtension, "%s", extension)
	set(schema.ObjectETag, "%s", g.hex(32))
	if g.lines/2500%2 == 0 {
		set(schema.ObjectVersionID, "%s", g.hex(32))
	}
	num(schema.ObjectLastModified, g.created-g.Int64N(90*86400)*1_000_000)
	set(schema.ObjectStorageClass, "%s", []string{"STANDARD", "STANDARD_IA"}[g.IntN(10)/9])
	set(schema.ObjectEncryptionType, "AES256")
	set(schema.DetailedResultsLocation, "%s", g.uri)
	set(schema.RunID, "20261122T032900Z-4f2a")
	set(schema.SourceURI, "%s", g.uri)
	set(schema.SourceETag, "%s", g.uri[len(g.uri)-20:])
	num(schema.SourceLine, g.line)
	r.BoolSet = 1<<schema.NumResultBool - 1
	r.BoolVal = 0b1111111100000000 & r.BoolSet
	if g.chance(3) {
		r.BoolVal ^= 1 << g.IntN(schema.NumResultBool)
	}
	r.MapSet = 3
	r.Maps[0].First = uint32(len(g.b.Tags))
	g.b.Tags = append(g.b.Tags, schema.Tag{Key: g.text("team"), Value: g.text("data-%d", g.lines/500)}, schema.Tag{Key: g.text("stage"), Value: g.text("prod")})
	r.Maps[0].End = uint32(len(g.b.Tags))

	var dets []schema.Detection
	locations := int64(0)
	if g.chance(42) {
		first := int64(2)
		if g.chance(20) {
			first = 2 + g.Int64N(5000)
		}
		dense := g.chance(50) // all rows match
		for _, t := range g.Perm(len(g.types))[:1+g.IntN(9)] {
			n := int(min(1000, 12*math.Exp(g.NormFloat64()*1.7)))
			n = max(n, 1)
			d := g.detection(extension, t, n, first, dense, size)
			d.Int[schema.DetectionIndex] = int64(len(dets))
			d.Int[schema.DetectionLocationCount] = int64(n)
			d.Int[schema.DetectionOccurrenceCount] = int64(n)
			if n == 1000 {
				d.Int[schema.DetectionOccurrenceCount] += g.Int64N(100000)
			}
			d.IntSet = 7
			dets = append(dets, d)
			locations += int64(n)
		}
		num(schema.SeverityScore, 1+g.Int64N(3))
		set(schema.Severity, "%s", []string{"Low", "Medium", "High"}[r.Int[schema.SeverityScore]-1])
		set(schema.FindingType, "SensitiveData:S3Object/%s", []string{"Multiple", "Personal", "Financial"}[g.IntN(3)])
		set(schema.Title, "The S3 object contains multiple types of sensitive information.")
		set(schema.Description, "The object contains more than one type of sensitive information.")
		num(schema.FindingCount, 1)
		num(schema.SensitiveTotalCount, locations)
	}
	num(schema.TypeCount, int64(len(dets)))
	num(schema.OccurrenceCount, locations)
	num(schema.LocationCount, locations)
	r.Detections.First = uint32(len(g.b.Detections))
	g.b.Detections = append(g.b.Detections, dets...)
	r.Detections.End = uint32(len(g.b.Detections))
	g.b.Results = append(g.b.Results, r)
}

func (g *Estate) detection(extension string, t, n int, first int64, dense bool, size int64) (d schema.Detection) {
	b := g.b
	d.Text[schema.IdentifierKind] = g.text("managed")
	d.Text[schema.Category] = g.text("%s", g.categories[t])
	d.Text[schema.DetectionType] = g.text("%s", g.types[t])
	if g.chance(15) {
		d.Text[schema.IdentifierKind] = g.text("custom")
		d.Text[schema.Category] = g.text("CUSTOM_IDENTIFIER")
		d.Text[schema.DetectionType] = g.text("employee id %d", t)
		d.Text[schema.CustomIdentifierARN] = g.text("arn:aws:macie2:%s:%s:custom-data-identifier/bb33b7c9-fb77-4f97-9690-1ca94f02e9%02d", g.region, g.account, t)
	}
	step := func() int64 {
		if dense {
			return 1
		}
		return 1 + g.Int64N(8)
	}
	name := g.text("%s", g.columns[t])
	row := first
	switch extension {
	case "csv", "xlsx":
		r := &d.Locations[schema.CellKind]
		r.First = uint32(len(b.Cells))
		for range n {
			c := schema.Cell{Row: row, Column: int64(t + 1), Set: 3, Name: name}
			if extension == "xlsx" {
				c.Name, c.Reference = schema.Span{}, g.text("Sheet1!%c%d", 'A'+t, row)
			}
			b.Cells = append(b.Cells, c)
			row += step()
		}
		r.End = uint32(len(b.Cells))
	case "jsonl", "avro", "json":
		r := &d.Locations[schema.RecordKind]
		r.First = uint32(len(b.Records))
		path := g.text("$.%s", g.columns[t])
		for range n {
			c := schema.Record{Index: row - 2, Path: path, Set: 1}
			if extension == "json" {
				c.Index, c.Path = 0, g.text("$[%d].customer.%s", row-2, g.columns[t])
			}
			b.Records = append(b.Records, c)
			row += step()
		}
		r.End = uint32(len(b.Records))
	case "pdf":
		r := &d.Locations[schema.PageKind]
		r.First = uint32(len(b.Pages))
		for range n {
			b.Pages = append(b.Pages, schema.Page{Number: row, HasNumber: true})
			row += g.Int64N(3)
		}
		r.End = uint32(len(b.Pages))
	default:
		r := &d.Locations[schema.LineKind]
		r.First = uint32(len(b.Lines))
		for range n {
			b.Lines = append(b.Lines, schema.Position{Start: row, End: row, StartColumn: 1 + g.Int64N(80), Set: 7})
			row += step()
		}
		r.End = uint32(len(b.Lines))
	}
	return d
}

// Cells returns a batch in the shape of real results: texts of their
// usual lengths, and detections of 128 cells each.
func Cells(results int) *schema.Batch {
	b := schema.NewBatch()
	text := func(format string, args ...any) schema.Span {
		off := len(b.Buf)
		b.Buf = fmt.Appendf(b.Buf, format, args...)
		return schema.Span{Off: uint32(off), Len: uint32(len(b.Buf) - off)}
	}
	account, region := text("111122223333"), text("eu-central-1")
	bucket, mime := text("amzn-s3-demo-bucket"), text("text/csv")
	job := text("3ce05dbb7ec5505def334104bf2ddaf8")
	uri := text("s3://amzn-s3-demo-results/AWSLogs/111122223333/Macie/eu-central-1/3ce05dbb7ec5505def334104bf2ddaf8/111122223333/fd1d4ef5-25dc-4b8a-8f7a-5c3e2f1b0d9e.jsonl.gz")
	names := []schema.Span{text("card_number"), text("email"), text("phone")}
	managed, financial, kind := text("managed"), text("FINANCIAL_INFORMATION"), text("CREDIT_CARD_NUMBER")
	for i := range results {
		res := schema.Result{IntSet: 1<<schema.NumResultInt - 1, BoolSet: 1<<schema.NumResultBool - 1}
		for slot := range res.Text {
			res.Text[slot] = mime
		}
		res.Text[schema.ResultID] = text("%032x", i)
		res.Text[schema.AccountID], res.Text[schema.Region], res.Text[schema.BucketName] = account, region, bucket
		res.Text[schema.JobID], res.Text[schema.SourceURI], res.Text[schema.RunID] = job, uri, job
		res.Text[schema.ObjectKey] = text("exports/2026/11/part-%05d.csv", i)
		res.Text[schema.ArchiveMemberPath], res.Text[schema.ObjectVersionID] = schema.Span{}, schema.Span{}
		res.Int[schema.CreatedAt], res.Int[schema.SourceLine] = 1_790_000_000_000_000+int64(i), int64(i)
		res.Detections.First = uint32(len(b.Detections))
		for range 2 {
			det := schema.Detection{IntSet: 7}
			det.Text = [...]schema.Span{managed, financial, kind, {}}
			first := uint32(len(b.Cells))
			for row := range int64(128) {
				b.Cells = append(b.Cells, schema.Cell{Row: row + 2, Column: 5, Name: names[row%3], Set: 3})
			}
			det.Locations[schema.CellKind] = schema.Range{First: first, End: uint32(len(b.Cells))}
			b.Detections = append(b.Detections, det)
		}
		res.Detections.End = uint32(len(b.Detections))
		b.Results = append(b.Results, res)
	}
	return b
}
