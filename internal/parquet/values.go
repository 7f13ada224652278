package parquet

import (
	"math"
	"math/bits"

	"github.com/macielake/macielake/pkg/schema"
)

// Limits on a dictionary. One over dictBytes is given up unless it saves three
// quarters of what its values take in full. One over maxDict is given up in any
// case: with what a page can add to it, it stays below the 2 GiB that the
// header of its page can say.
const (
	dictBytes = 1 << 20
	maxDict   = 512 << 20

	// probeValues is after how many values of a column at the level of results
	// it is seen whether they repeat at all.
	probeValues = 256

	// minRepeats is how often values repeat, on average, for a dictionary to
	// pay: compression finds the few repetitions of others, and costs them
	// less than an entry and its indices. An occurrence's own ascend again and
	// again, and equal sequences of indices are shorter.
	minRepeats           = 8
	minOccurrenceRepeats = 3

	// trialGroups is for how many row groups that holds.
	trialGroups = 8
)

// dictionary is the dictionary of a column.
type dictionary interface {
	// count is the number of entries, size their bytes in full.
	count() int
	size() int
	// appendPage appends the first n entries, PLAIN.
	appendPage(dst []byte, n int) []byte
	// expand appends an entry n times, PLAIN.
	expand(dst []byte, index uint32, n int) []byte
	// drop forgets the entries, but not what they say about the column's
	// smallest and largest value.
	drop()
}

// dictColumn is a column of texts or integers. As long as a dictionary pays, a
// page holds the dictionary indices of its values, otherwise the values.
type dictColumn struct {
	leaf
	level   schema.Level
	dict    dictionary
	indices runs    // the open page's values, as indices
	delta   *deltas // of an occurrence's own integers, otherwise nil
	plain   []byte  // the open page's values, in full
	gap     int     // nulls that fill has yet to add

	direct    bool  // the open page has plain, not indices
	settled   bool  // a page has shown whether a dictionary pays
	probed    bool  // the first values have shown whether they repeat
	groups    int   // row groups since it was last tried
	plainSize int64 // what all values would take in full
	dictStart int   // size of the dictionary when the open page began
}

func newValues(f *Format, level schema.Level, leaf leaf, dict dictionary) dictColumn {
	return dictColumn{leaf: leaf, level: level, dict: dict}
}

// fill adds the nulls that were put off. They count as entries alone: of all that
// can end a page, that is the one they can bring about.
func (v *dictColumn) fill() {
	for v.gap > 0 {
		k := min(v.gap, v.left())
		v.addNulls(k)
		v.gap -= k
		if v.entries == pageEntries {
			v.closePage()
		}
	}
}

// deltas are a chunk's values as DELTA_BINARY_PACKED. The first values of a chunk
// show which encoding is smaller for it, compressed.
type deltas struct {
	deltaEncoder
	take    func(values []int64) // adds values to the open page in the other encoding
	decided bool
	chosen  bool    // if decided
	values  []int64 // of the open page, until decided: at most sampleValues
}

// sampleValues is how many of a chunk's first values decide on its encoding.
const sampleValues = 1 << 10

// decide encodes the first values both ways and chooses the smaller for the chunk.
// The open page then has them in that one.
func (v *dictColumn) decide() {
	s := v.format.scratch()
	defer v.format.release(s)
	d := v.delta
	d.decided = true
	sample := deltaEncoder{dst: s.body[:0]}
	sample.add(d.values)
	s.raw = sample.appendTo(s.raw[:0])
	s.body = sample.dst
	size := len(s.compress(s.raw))
	d.take(d.values)
	present := v.present
	v.present = len(d.values)
	v.settle()
	v.present = present
	s.body = v.appendValues(s.body[:0])
	other := len(s.compress(s.body))
	if !v.direct {
		s.body = v.dict.appendPage(s.body[:0], v.dict.count())
		other += len(s.compress(s.body))
	}
	v.indices.reset()
	v.plain = trim(v.plain)
	v.dict.drop() // the bounds stay
	v.direct, v.settled, v.plainSize = false, false, 0
	if d.chosen = size <= other; d.chosen {
		d.add(d.values)
	} else {
		d.take(d.values)
	}
	d.values = d.values[:0]
}

// settle decides with the first values whether a dictionary pays.
func (v *dictColumn) settle() {
	if !v.settled && v.present > 0 {
		v.settled = true
		if !v.pays() {
			v.giveUp()
		}
	}
}

// appendValues appends the values of the open page, as they are or as indices.
func (v *dictColumn) appendValues(dst []byte) []byte {
	if v.direct {
		return append(dst, v.plain...)
	}
	return v.appendIndices(dst)
}

// closePage ends the open page, which has rows.
func (v *dictColumn) closePage() {
	s := v.format.scratch()
	defer v.format.release(s)
	d := v.delta
	if d != nil && !d.decided && v.present > 0 {
		v.decide()
	}
	s.body = v.appendLevels(s.body[:0])
	if d != nil && d.chosen && v.present > 0 {
		s.body = d.appendTo(s.body)
		v.addPage(s, encodingDelta, len(s.body), s.compress(s.body))
		d.reset()
		return
	}
	v.settle()
	encoding := int32(encodingPlain)
	if v.present > 0 {
		if !v.direct {
			encoding = encodingRLEDictionary
		}
		s.body = v.appendValues(s.body)
	}
	v.addPage(s, encoding, len(s.body), s.compress(s.body))
	v.indices.reset()
	v.plain = trim(v.plain)
	v.dictStart = v.dict.size()
	if v.dictStart > dictBytes && 4*int64(v.dictStart) > v.plainSize || v.dictStart > maxDict {
		v.direct = true
	}
}

// pays reports whether a dictionary makes the first page that has values
// smaller once it is compressed. Compressing both forms of a sample would tell
// more exactly, and takes longer than compressing the page.
func (v *dictColumn) pays() bool {
	v.indices.settle()
	width := v.indexWidth()
	indexed := int64(v.dict.size()) + int64(len(v.indices.tokens))*int64(width)/8
	large := v.plainSize > 4*pageBytes && v.plainSize > 2*int64(v.dict.size())
	if large || 16*indexed < v.plainSize {
		return true
	}
	repeats := minRepeats
	if v.level == schema.OccurrenceLevel {
		repeats = minOccurrenceRepeats
	}
	return v.present >= repeats*v.dict.count()
}

// giveUp turns the open page from indices to values, and drops the dictionary.
func (v *dictColumn) giveUp() {
	v.indices.settle()
	v.plain = room(v.plain, int(min(v.plainSize, 2*pageBytes))) // about what follows
	for i := 0; i < len(v.indices.tokens); {
		var index uint32
		var n int
		index, n, i = nextRun(v.indices.tokens, i)
		v.plain = v.dict.expand(v.plain, index, n)
	}
	v.indices.reset()
	v.dict.drop()
	v.dictStart = 0
	v.direct, v.settled = true, true
}

// probe gives up the dictionary of a column whose first values are mostly
// distinct, before it has cost much.
func (v *dictColumn) probe() {
	v.probed = true
	if !v.direct && 4*int64(v.dict.size()) >= 3*v.plainSize {
		v.giveUp()
	}
}

// indexWidth is how many bits an index of the open page takes. At least one:
// not every reader expects none. More than four are whole bytes, where equal
// sequences of values are equal sequences of bytes, wherever they begin: that
// makes pages smaller once they are compressed, and faster to compress.
func (v *dictColumn) indexWidth() uint {
	width := uint(bits.Len(uint(v.dict.count() - 1)))
	if width > 4 {
		return (width + 7) &^ 7
	}
	return max(1, width)
}

// appendIndices appends the page's indices after their width.
func (v *dictColumn) appendIndices(dst []byte) []byte {
	v.indices.settle()
	width := v.indexWidth()
	return appendHybrid(append(dst, byte(width)), v.indices.tokens, width)
}

func (v *dictColumn) bytes() int64 {
	n := v.dict.size() + 16*v.dict.count()
	if v.delta != nil {
		n += 8*len(v.delta.values) + len(v.delta.dst)
	}
	return v.leaf.bytes() + int64(4*len(v.indices.tokens)+len(v.plain)+n)
}

// seal ends the chunk, but for its bounds: dropping the dictionary completes
// them.
func (v *dictColumn) seal() error {
	if v.entries > 0 {
		v.closePage()
	}
	v.leaf.seal()
	if c := &v.chunk; c.dictPages > 0 {
		s := v.format.scratch()
		defer v.format.release(s)
		s.body = v.dict.appendPage(s.body[:0], v.dict.count())
		if len(s.body) > math.MaxInt32 {
			v.err = errPageTooLarge
		}
		packed := s.compress(s.body)
		v.dictionary = appendPageHeader(&s.thrift, v.dictionary[:0], pageDictionary, encodingPlain, len(s.body), packed, v.dict.count())
		c.rawSize += int64(len(v.dictionary) + len(s.body))
		v.dictionary = append(room(v.dictionary, len(packed)), packed...)
		c.dictionary = int64(len(v.dictionary))
		c.size += c.dictionary
	}
	v.dict.drop()
	return v.err
}

// next starts the next row group.
func (v *dictColumn) next() {
	v.leaf.next()
	v.plainSize, v.dictStart = 0, 0
	if v.delta != nil {
		v.delta.decided, v.delta.chosen = false, false
	}
	if v.settled {
		v.groups++
	}
	if v.groups == trialGroups {
		v.direct, v.settled, v.probed, v.groups = false, false, false, 0
	}
}

func (v *dictColumn) restart() {
	v.direct, v.settled, v.probed, v.groups = false, false, false, 0
}
