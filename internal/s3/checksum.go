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

// checksum verifies an object against what its store says of it. The zero value
// verifies nothing.
type checksum struct {
	hash hash.Hash
	want string // base64
}

// newChecksum takes the checksum of an answer, the cheapest where there are
// several. One over the checksums of an upload's parts, which ends in their
// number, says nothing about the bytes in a row (S3 user guide, "Checking object
// integrity").
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

// ok reports whether what was written is what it should be.
func (c *checksum) ok() bool {
	return c.hash == nil || base64.StdEncoding.EncodeToString(c.hash.Sum(nil)) == c.want
}
