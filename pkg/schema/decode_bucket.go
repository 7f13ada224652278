package schema

import "encoding/binary"

// The value of s3Bucket is a third of a line apart from its locations, and all
// lines about one bucket have the same. So a value with the bytes of an earlier one
// in the batch isn't decoded again: its columns are copied.

// numBuckets is how many buckets of a batch are remembered. It is a power of two.
const numBuckets = 64

// seenBucket is an s3Bucket of an earlier line, and the result that has its values.
type seenBucket struct {
	raw    Span // its JSON object; null where the entry is free
	result uint32
}

// bucket takes the value of s3Bucket.
func (d *bulkDecoder) bucket(_, p int) int {
	seen := &d.buckets[d.bucketHash(p)]
	if raw := d.buf[seen.raw.Off:][:seen.raw.Len]; len(raw) > 0 && startsWith(d.buf, p, raw) {
		d.res.copyBucket(&d.b.Results[seen.result])
		return p + len(raw)
	}
	unknown := len(d.unknown)
	end := d.child(bucketObject, p)
	if end >= 0 && d.buf[p] == '{' && len(d.unknown) == unknown {
		d.newBucket = Span{uint32(p), uint32(end - p)}
	}
	return end
}

// rememberBucket keeps the bucket of a decoded line for later lines. Only now does
// its unescaped text stay in the batch: that of a rejected line is removed.
func (d *bulkDecoder) rememberBucket(result int) {
	if !d.newBucket.Null() {
		d.buckets[d.bucketHash(int(d.newBucket.Off))] = seenBucket{d.newBucket, uint32(result)}
	}
}

// bucketHash returns the index in bulkDecoder.buckets for the bucket at p. It
// hashes bytes that are usually part of the bucket's ARN.
func (d *bulkDecoder) bucketHash(p int) uint64 {
	x := binary.LittleEndian.Uint64(d.buf[p+24:]) ^ binary.LittleEndian.Uint64(d.buf[p+40:])
	return x * 0x9e3779b97f4a7c15 >> 58 % numBuckets
}

// copyBucket copies every value that the fields of bucketObject set.
func (r *Result) copyBucket(from *Result) {
	copy(r.Text[BucketName:BucketAllowsUnencryptedUploads+1], from.Text[BucketName:])
	const set = 1 << BucketCreatedAt
	r.Int[BucketCreatedAt] = from.Int[BucketCreatedAt]
	r.IntSet |= from.IntSet & set
	const bools = 1<<(AccountRestrictPublicBuckets+1) - 1<<BucketACLPublicRead
	r.BoolSet |= from.BoolSet & bools
	r.BoolVal |= from.BoolVal & bools
	r.Maps[BucketTags] = from.Maps[BucketTags]
	r.MapSet |= from.MapSet & (1 << BucketTags)
}
