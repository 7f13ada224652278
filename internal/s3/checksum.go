package s3

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/crc64nvme"
)

// checksum verifies an object's bytes against the checksum that its store names. The
// zero value verifies nothing.
type checksum struct {
	hash hash.Hash
	want string // base64
}

// newChecksum takes an answer's checksum, the cheapest if there are several. A checksum
// of the checksums of an upload's parts, which ends in their number, can't be compared
// with the object's bytes (S3 user guide, "Checking object integrity").
func newChecksum(out *sdk.GetObjectOutput) checksum {
	for _, c := range []struct {
		value *string
		hash  func() hash.Hash
	}{
		{out.ChecksumCRC32C, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }},
		{out.ChecksumCRC32, func() hash.Hash { return crc32.NewIEEE() }},
		{out.ChecksumCRC64NVME, func() hash.Hash { return crc64nvme.New() }},
		{out.ChecksumSHA1, sha1.New},
		{out.ChecksumSHA256, sha256.New},
	} {
		if c.value != nil && *c.value != "" && !strings.Contains(*c.value, "-") {
			return checksum{hash: c.hash(), want: *c.value}
		}
	}
	return checksum{}
}

func (c *checksum) write(p []byte) {
	if c.hash != nil {
		c.hash.Write(p)
	}
}

// ok reports whether the bytes written have the checksum.
func (c *checksum) ok() bool {
	return c.hash == nil || base64.StdEncoding.EncodeToString(c.hash.Sum(nil)) == c.want
}
