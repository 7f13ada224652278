package inflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// lineMaker writes lines of the shape of Macie's discovery results: an envelope of
// 1.5 to 2 KB whose values vary, then mostly long runs of near-equal occurrences.
// At zlib's level 6 they shrink about 12 to 1.
type lineMaker struct {
	rnd *rand.Rand
	job string
}

func newLineMaker(seed uint64) *lineMaker {
	m := &lineMaker{rnd: rand.New(rand.NewPCG(seed, 1))}
	m.job = m.hex(32)
	return m
}

func (m *lineMaker) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "0123456789abcdef"[m.rnd.IntN(16)]
	}
	return string(b)
}

func (m *lineMaker) pick(s ...string) string { return s[m.rnd.IntN(len(s))] }

// append adds one line to dst, with occurrences of up to types types.
func (m *lineMaker) append(dst *bytes.Buffer, types int) {
	r := m.rnd
	bucket := fmt.Sprintf("%s-%s-%03d", m.pick("customer", "billing", "analytics", "hr"), m.pick("raw", "export", "archive"), r.IntN(40))
	key := fmt.Sprintf("%s/year=%d/month=%02d/part-%05d-%s.%s", m.pick("landing", "warehouse/orders", "uploads"), 2019+r.IntN(6), 1+r.IntN(12), r.IntN(100000), m.hex(8), m.pick("json", "csv", "parquet", "avro"))
	fmt.Fprintf(dst, `{"schemaVersion":"1.0","id":"%s","accountId":"%d","partition":"aws","region":"us-east-1","type":"SensitiveData:S3Object/%s","title":"The S3 object contains multiple types of sensitive information.","description":"The object contains more than one type of sensitive information.","severity":{"score":"3","description":"High"},"createdAt":"2021-09-14T%02d:%02d:%02dZ",`,
		m.hex(32), 555555555000+r.Int64N(5), m.pick("Multiple", "Personal", "Financial"), r.IntN(24), r.IntN(60), r.IntN(60))
	fmt.Fprintf(dst, `"resourcesAffected":{"s3Bucket":{"arn":"arn:aws:s3:::%[1]s","name":"%[1]s","createdAt":"2021-01-19T18:41:37Z","owner":{"displayName":"testdata","id":"5555555555555555555555555555555555555555555555555555555555555555"},"tags":[],"defaultServerSideEncryption":{"encryptionType":"AES256"},"publicAccess":{"permissionConfiguration":{"bucketLevelPermissions":{"accessControlList":{"allowsPublicReadAccess":false,"allowsPublicWriteAccess":false},"bucketPolicy":{"allowsPublicReadAccess":false,"allowsPublicWriteAccess":false},"blockPublicAccess":{"ignorePublicAcls":true,"restrictPublicBuckets":true,"blockPublicAcls":true,"blockPublicPolicy":true}},"accountLevelPermissions":{"blockPublicAccess":{"ignorePublicAcls":true,"restrictPublicBuckets":true,"blockPublicAcls":true,"blockPublicPolicy":true}}},"effectivePermission":"NOT_PUBLIC"}},`, bucket)
	fmt.Fprintf(dst, `"s3Object":{"bucketArn":"arn:aws:s3:::%[1]s","key":"%[2]s","path":"%[1]s/%[2]s","extension":"json","lastModified":"2021-02-02T%02[3]d:27:44Z","eTag":"%[4]s","serverSideEncryption":{"encryptionType":"AES256"},"size":"%[5]d","storageClass":"STANDARD","tags":[],"publicAccess":false}},"category":"CLASSIFICATION","classificationDetails":{"jobArn":"arn:aws:macie2:us-east-1:555555555555:classification-job/%[6]s","result":{"status":{"code":"COMPLETE"},"sizeClassified":"%[5]d","mimeType":"application/json","sensitiveData":[`,
		bucket, key, r.IntN(24), m.hex(32), r.IntN(1<<28), m.job)
	for t := range r.IntN(types + 1) {
		if t > 0 {
			dst.WriteByte(',')
		}
		n := 1 + int(r.ExpFloat64()*30)
		if r.IntN(5) == 0 {
			n = 1 + int(r.ExpFloat64()*400)
		}
		n = min(n, 1000)
		fmt.Fprintf(dst, `{"category":"PERSONAL_INFORMATION","totalCount":"%[1]d","detections":[{"type":"%[2]s","count":"%[1]d","occurrences":{`, n, m.pick("CREDIT_CARD_NUMBER", "NAME", "ADDRESS", "USA_SOCIAL_SECURITY_NUMBER", "PHONE_NUMBER"))
		m.occurrences(dst, n)
		dst.WriteString(`}}]}`)
	}
	fmt.Fprintf(dst, `]},"detailedResultsLocation":"s3://DOC-EXAMPLE-BUCKET/AWSLogs/555555555555/Macie/us-east-1/%[1]s/555555555555/%[2]s.jsonl.gz","jobId":"%[1]s"}}`+"\n", m.job, m.hex(32))
}

func (m *lineMaker) occurrences(dst *bytes.Buffer, n int) {
	r := m.rnd
	kind := r.IntN(6) % 5
	at, column, name := r.IntN(50), 1+r.IntN(40), m.pick("email", "Card Number", "ssn", "address_line_1", "phone")
	path := m.pick("$.CCN", "$.customer.name", "$.payment.card.number", `$[0][\u0027Card Number\u0027]`)
	jumps := 1 << 30
	if r.IntN(5) > 0 {
		at = 0
	}
	if r.IntN(10) == 0 {
		jumps = 25
	}
	open := map[int]string{
		0: `"lineRanges":[`, 1: `"lineRanges":[],"pages":[`,
		2: `"lineRanges":[],"pages":[],"records":[`, 3: `"lineRanges":[],"pages":[],"records":[`,
		4: `"lineRanges":[],"pages":[],"records":[],"cells":[`,
	}[kind]
	shut := map[int]string{0: `],"pages":[],"records":[],"cells":[]`, 1: `],"records":[],"cells":[]`, 2: `],"cells":[]`, 3: `],"cells":[]`, 4: `]`}[kind]
	dst.WriteString(open)
	for i := range n {
		if i > 0 {
			dst.WriteByte(',')
		}
		at++
		if r.IntN(jumps) == 0 {
			at += r.IntN(30)
		}
		switch kind {
		case 0:
			fmt.Fprintf(dst, `{"start":"%[1]d","end":"%[1]d","startColumn":"%[2]d"}`, at, 1+r.IntN(20)/19*8)
		case 1:
			fmt.Fprintf(dst, `{"pageNumber":"%d"}`, at)
		case 2:
			fmt.Fprintf(dst, `{"recordIndex":"%d","jsonPath":"%s"}`, at, path)
		case 3:
			fmt.Fprintf(dst, `{"recordIndex":"0","jsonPath":"$[%d].%s"}`, at, name)
		case 4:
			fmt.Fprintf(dst, `{"row":"%d","column":"%d","columnName":"%s"}`, at, column, name)
		}
	}
	dst.WriteString(shut)
}

// sampleLines is whole lines of at least n bytes.
func sampleLines(seed uint64, n, types int) []byte {
	var b bytes.Buffer
	b.Grow(n + 1<<17)
	m := newLineMaker(seed)
	for b.Len() < n {
		m.append(&b, types)
	}
	return b.Bytes()
}
