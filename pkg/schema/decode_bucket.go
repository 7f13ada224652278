package schema

import "encoding/binary"

// Buckets: a third of what a line has besides its locations, and the same for
// every object of a bucket. One that stands in an earlier line of the batch,
// byte for byte, has the same values, and isn't decoded again.

// numBuckets is how many buckets of a batch are remembered: a power of two.
const numBuckets = 64

// seenBucket is a bucket that a result of the batch has.
type seenBucket struct {
	raw    Span // its JSON object; null where the entry is free
	result uint32
}

// bucket takes s3Bucket.
func (d *bulk) bucket(_, p int) int {
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

// rememberBucket keeps the bucket of a line that is whole for later ones: those
// of its texts that were unescaped stay in the batch.
func (d *bulk) rememberBucket(result int) {
	if !d.newBucket.Null() {
		d.buckets[d.bucketHash(int(d.newBucket.Off))] = seenBucket{d.newBucket, uint32(result)}
	}
}

// bucketHash says where the bucket at p is remembered. It goes by some bytes of
// its ARN, or of what else comes first.
func (d *bulk) bucketHash(p int) uint64 {
	x := binary.LittleEndian.Uint64(d.buf[p+24:]) ^ binary.LittleEndian.Uint64(d.buf[p+40:])
	return x * 0x9e3779b97f4a7c15 >> 58 % numBuckets
}

// copyBucket copies all that the fields of bucketObject set.
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
