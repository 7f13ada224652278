package current

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/maphash"
	"iter"
	"math"

	"github.com/macielake/macielake/internal/spill"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Fact is something that is known, or isn't. The zero Fact is unknown.
type Fact uint8

// Facts.
const (
	Unknown Fact = iota
	No
	Yes
)

// String returns yes, no or unknown.
func (f Fact) String() string { return [...]string{"unknown", "no", "yes"}[f] }

// or is yes where one is, and no where both are.
func (f Fact) or(o Fact) Fact {
	if f == No && o == No {
		return No
	}
	if f == Yes || o == Yes {
		return Yes
	}
	return Unknown
}

// publicFact is what an effective permission says.
func publicFact(permission where.Value) Fact {
	switch string(permission.Text()) {
	case "PUBLIC":
		return Yes
	case "NOT_PUBLIC":
		return No
	}
	return Unknown
}

// unencryptedFact is what a type of encryption says.
func unencryptedFact(encryption where.Value) Fact {
	switch string(encryption.Text()) {
	case "", "UNKNOWN":
		return Unknown
	case "NONE":
		return Yes
	}
	return No
}

// unencrypted is what is known of an object whose own encryption and whose
// bucket's default are known so far: a default says nothing of objects stored
// before it.
func unencrypted(object, bucket Fact) Fact {
	if object == Unknown && bucket == Yes {
		return Yes
	}
	return object
}

// lastKnown returns the value that counts: the newest, or where that is unknown
// the newest known one if that is exposed.
func lastKnown(newest, known where.Value, fact func(where.Value) Fact) where.Value {
	if fact(newest) == Unknown && fact(known) == Yes {
		return known
	}
	return newest
}

// slot holds the value of the newest result.
type slot struct {
	order []byte // of the result; nil where there is none
	value []byte
	null  bool
}

func (s *slot) set(order []byte, v where.Value) {
	if s.order != nil && bytes.Compare(order, s.order) >= 0 {
		return
	}
	s.replace(order, v)
}

func (s *slot) replace(order []byte, v where.Value) {
	s.order = append(s.order[:0], order...)
	s.value, s.null = append(s.value[:0], v.Text()...), v.Null()
}

func (s *slot) get() where.Value {
	if s.order == nil || s.null {
		return where.Value{}
	}
	return where.TextValue(s.value)
}

func (s *slot) merge(o *slot) {
	if o.order != nil {
		s.set(o.order, o.get())
	}
}

// bucket is what the results of a bucket say about it, of a point or of all time.
type bucket struct {
	// owner and other are the newest results of two accounts.
	owner, other                slot
	permission, knownPermission slot
	encryption, knownEncryption slot
	columns                     []slot
}

// bucketBytes is about what a bucket takes besides its texts.
const bucketBytes = 600

func (k *bucket) setAccount(order []byte, v where.Value) {
	switch {
	case k.owner.order == nil || bytes.Equal(k.owner.value, v.Text()):
		k.owner.set(order, v)
	case bytes.Compare(order, k.owner.order) < 0:
		k.owner, k.other = k.other, k.owner
		k.owner.replace(order, v)
	default:
		k.other.set(order, v)
	}
}

// add takes a result.
func (k *bucket) add(e *encoder, b *schema.Batch, r *schema.Result) {
	order := e.key[e.order:]
	if v := textOf(b, r, schema.AccountID); !v.Null() {
		k.setAccount(order, v)
	}
	if e.o.Exposure {
		k.addExposure(order, textOf(b, r, schema.BucketEffectivePermission), textOf(b, r, schema.BucketEncryptionType))
	}
	i := 0
	for c := range e.o.Columns {
		c := &e.o.Columns[c]
		if c.From != FromBucket {
			continue
		}
		if i == len(k.columns) {
			k.columns = append(k.columns, slot{})
		}
		e.scratch = e.scratch[:0]
		v := c.Value(b, r, &e.scratch)
		if c.Has == nil && !v.Null() || c.Has != nil && c.Has(r) {
			k.columns[i].set(order, v)
		}
		i++
	}
}

func (k *bucket) addExposure(order []byte, permission, encryption where.Value) {
	// Nearly always another result is newer that knows both.
	newest := k.permission.order
	if newest != nil && bytes.Equal(newest, k.knownPermission.order) && bytes.Equal(newest, k.knownEncryption.order) && bytes.Compare(order, newest) >= 0 {
		return
	}
	k.permission.set(order, permission)
	if publicFact(permission) != Unknown {
		k.knownPermission.set(order, permission)
	}
	k.encryption.set(order, encryption)
	if unencryptedFact(encryption) != Unknown {
		k.knownEncryption.set(order, encryption)
	}
}

func (k *bucket) slots() []*slot {
	all := []*slot{&k.permission, &k.knownPermission, &k.encryption, &k.knownEncryption}
	for i := range k.columns {
		all = append(all, &k.columns[i])
	}
	return all
}

// merge adds what other results say.
func (k *bucket) merge(o *bucket) {
	for _, s := range [...]*slot{&o.owner, &o.other} {
		if s.order != nil {
			k.setAccount(s.order, s.get())
		}
	}
	for len(k.columns) < len(o.columns) {
		k.columns = append(k.columns, slot{})
	}
	mine := k.slots()
	for i, s := range o.slots() {
		mine[i].merge(s)
	}
}

// cutoff is when the newest foreign result was created, if the bucket changed
// hands: only later results count (docs/current.md, "3. Buckets that change hands").
func (k *bucket) cutoff() (at int64, changed bool) {
	if k.owner.order == nil || k.other.order == nil {
		return 0, false
	}
	owner, _ := where.TakeLatest(k.owner.order)
	other, _ := where.TakeLatest(k.other.order)
	return other.Int(), !owner.Null() && !other.Null() && owner.Int() > other.Int()
}

func (k *bucket) append(out []byte) []byte {
	for _, s := range append([]*slot{&k.owner, &k.other}, k.slots()...) {
		if s.order == nil {
			out = append(out, 0)
			continue
		}
		out = where.AppendText(out, s.order)
		out = where.AppendValue(out, s.get(), where.Text)
	}
	return out
}

// decodeBucket returns the bucket that was appended, with so many columns. Its
// texts are those of b.
func decodeBucket(b []byte, columns int) *bucket {
	k := &bucket{columns: make([]slot, columns)}
	for _, s := range append([]*slot{&k.owner, &k.other}, k.slots()...) {
		order, ok, rest := where.TakeBytes(b)
		b = rest
		if !ok {
			continue
		}
		s.order = order
		s.value, ok, b = where.TakeBytes(b)
		s.null = !ok
	}
	return k
}

// buckets holds what is known about buckets, by point where states of several
// points are asked for.
type buckets struct {
	seed    maphash.Seed
	columns int
	limit   int64
	used    int64
	byKey   map[string]*bucket // by the bucket's key and the point
	spilled *spill.Sorter

	last    []byte // the key that was asked for last
	lastHas *bucket
}

func newBuckets(seed maphash.Seed, columns int, limit int64) *buckets {
	return &buckets{seed: seed, columns: columns, limit: limit, byKey: make(map[string]*bucket), spilled: spill.NewSorter(limit / 2)}
}

// noPoint is the point of everything where points aren't told apart, and among months
// of results that don't say when they were created.
const noPoint = math.MinInt32

func appendPoint(key []byte, point int32) []byte {
	return binary.BigEndian.AppendUint32(key, uint32(point)^1<<31)
}

// add takes a result whose key the encoder has.
func (s *buckets) add(e *encoder, b *schema.Batch, r *schema.Result, point int32) error {
	key := e.key[:e.lens[0]]
	n := len(key)
	if s.lastHas == nil || len(s.last) != n+4 || !bytes.Equal(s.last[:n], key) || int32(binary.BigEndian.Uint32(s.last[n:])^1<<31) != point {
		s.last = appendPoint(append(s.last[:0], key...), point)
		s.lastHas = s.at(s.last)
	}
	s.lastHas.add(e, b, r)
	return s.settle()
}

func (s *buckets) at(key []byte) *bucket {
	k := s.byKey[string(key)]
	if k == nil {
		k = &bucket{}
		s.byKey[string(key)] = k
		s.used += bucketBytes + int64(len(key))
	}
	return k
}

// settle moves the buckets out of memory if they take too much.
func (s *buckets) settle() error {
	if s.used <= s.limit {
		return nil
	}
	return s.spill()
}

func (s *buckets) spill() error {
	var value []byte
	for key, k := range s.byKey {
		value = k.append(value[:0])
		if err := s.spilled.Add(s.prefix([]byte(key)), []byte(key), value); err != nil {
			return err
		}
	}
	clear(s.byKey)
	s.used, s.lastHas = 0, nil
	return nil
}

// prefix is what the records of the bucket's subjects begin with.
func (s *buckets) prefix(key []byte) uint64 {
	return maphash.Bytes(s.seed, key[:len(key)-4]) >> 32
}

func (s *buckets) merge(o *buckets) error {
	for key, k := range o.byKey {
		s.at([]byte(key)).merge(k)
		if err := s.settle(); err != nil {
			return err
		}
	}
	o.byKey = nil
	return s.spilled.Absorb(o.spilled)
}

func (s *buckets) close() {
	s.spilled.Close()
	s.byKey = nil
}

// bucketAt is a bucket as of a point.
type bucketAt struct {
	point int32
	*bucket
}

// lookup gives what is known about buckets that are asked for in the order of
// their prefixes. It is closed afterwards.
type lookup struct {
	s    *buckets
	next func() (uint64, []byte, *bucket, bool)
	stop func()
	err  error
	// What was read ahead, where it was spilled.
	prefix  uint64
	held    map[string][]bucketAt // of that prefix
	ahead   *bucket
	key     []byte
	aheadAt uint64
	more    bool

	known  []byte     // the bucket that was asked for last
	points []bucketAt // what is known of it, each point with all before it
}

func (s *buckets) lookup(ctx context.Context) (*lookup, error) {
	l := &lookup{s: s, stop: func() {}}
	if s.spilled.Empty() {
		// By the bucket, without the point.
		l.held = make(map[string][]bucketAt, len(s.byKey))
		for key, k := range s.byKey {
			l.hold([]byte(key), k)
		}
		return l, nil
	}
	if err := s.spill(); err != nil {
		return nil, err
	}
	type item struct {
		prefix uint64
		key    []byte
		*bucket
	}
	pull, stop := iter.Pull(func(yield func(item) bool) {
		err := s.spilled.Each(ctx, func(prefix uint64, key, value []byte) error {
			if !yield(item{prefix, bytes.Clone(key), decodeBucket(bytes.Clone(value), s.columns)}) {
				return errStopped
			}
			return nil
		})
		if err != errStopped {
			l.err = err
		}
	})
	l.stop = stop
	l.next = func() (uint64, []byte, *bucket, bool) {
		i, ok := pull()
		return i.prefix, i.key, i.bucket, ok
	}
	l.aheadAt, l.key, l.ahead, l.more = l.next()
	return l, l.err
}

// hold adds what is known of a bucket at a point.
func (l *lookup) hold(key []byte, k *bucket) {
	n := len(key) - 4
	at := int32(binary.BigEndian.Uint32(key[n:]) ^ 1<<31)
	points := l.held[string(key[:n])]
	for i := range points {
		if points[i].point == at {
			points[i].bucket.merge(k)
			return
		}
	}
	l.held[string(key[:n])] = append(points, bucketAt{at, k})
}

// bucket returns what is known, up to a point, about the bucket whose key that
// is, and nil where nothing is.
func (l *lookup) bucket(prefix uint64, key []byte, upTo int32) (*bucket, error) {
	if !bytes.Equal(key, l.known) || l.known == nil {
		if err := l.advance(prefix); err != nil {
			return nil, err
		}
		l.known = append(l.known[:0], key...)
		l.points = l.held[string(key)]
		accumulate(l.points)
	}
	var at *bucket
	for i := range l.points {
		if l.points[i].point <= upTo {
			at = l.points[i].bucket
		}
	}
	return at, nil
}

// accumulate sorts points, and gives each what is known from those before it.
func accumulate(points []bucketAt) {
	for i := 1; i < len(points); i++ {
		for j := i; j > 0 && points[j-1].point > points[j].point; j-- {
			points[j-1], points[j] = points[j], points[j-1]
		}
	}
	for i := 1; i < len(points); i++ {
		points[i].bucket.merge(points[i-1].bucket)
	}
}

// advance reads what was spilled up to a prefix.
func (l *lookup) advance(prefix uint64) error {
	if l.next == nil || l.held != nil && l.prefix == prefix {
		return nil
	}
	l.prefix, l.held = prefix, make(map[string][]bucketAt)
	for l.more && l.aheadAt <= prefix {
		if l.aheadAt == prefix {
			l.hold(l.key, l.ahead)
		}
		l.aheadAt, l.key, l.ahead, l.more = l.next()
	}
	return l.err
}
