package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/pkg/schema"
)

// maxText is the length that a text stays below, so that no page comes near
// 2 GiB.
const maxText = 1 << 30

var errTextTooLong = errors.New("parquet: a text is over 1 GiB")

// manyBytes of one repeated text go to the dictionary even in a column that has
// given it up: a few huge texts that many rows share must not be written out
// for each.
const manyBytes = 4 * pageBytes

// textColumn is a column of texts.
type textColumn struct {
	dictColumn
	slot  int
	texts textDict

	span    schema.Span // of the current value in the current batch, or null
	value   []byte      // the current value, in the batch's memory
	index   uint32      // its index, if indexed
	indexed bool
	seen    bool // it counts in low and high

	bounded   bool // there are low and high
	low, high []byte
	// lowHead and highHead are their first bytes.
	lowHead, highHead uint64
}

func newText(f *Format, level schema.Level, slot int, maxDef, maxRep uint32, path ...string) *textColumn {
	t := &textColumn{slot: slot}
	t.dictColumn = newValues(f, level, newLeaf(f, typeByteArray, maxDef, maxRep, path...), t)
	t.texts.seed = f.seed
	return t
}

func (t *textColumn) count() int { return t.texts.len() }
func (t *textColumn) size() int  { return len(t.texts.plain) }

func (t *textColumn) appendPage(dst []byte, n int) []byte {
	if n < t.texts.len() {
		return append(dst, t.texts.plain[:t.texts.starts[n]]...)
	}
	return append(dst, t.texts.plain...)
}

func (t *textColumn) expand(dst []byte, index uint32, n int) []byte {
	entry := t.texts.entry(index)
	dst = room(dst, n*len(entry))
	for range n {
		dst = append(dst, entry...)
	}
	return dst
}

func (t *textColumn) drop() {
	for i := range t.texts.len() {
		t.bound(t.texts.at(uint32(i)))
	}
	t.texts.reset()
	t.indexed = false
}

// bound widens low and high to value. Text is ordered by unsigned bytes
// (Parquet specification, LogicalTypes, STRING).
func (t *textColumn) bound(value []byte) {
	head := head(value)
	if t.bounded && head > t.lowHead && head < t.highHead {
		return // between them for certain, as most are
	}
	if !t.bounded || bytes.Compare(value, t.low) < 0 {
		t.low = append(t.low[:0], value...)
		t.lowHead = head
	}
	if !t.bounded || bytes.Compare(value, t.high) > 0 {
		t.high = append(t.high[:0], value...)
		t.highHead = head
	}
	t.bounded = true
}

// head is the first eight bytes of a text, as a number that orders as they do.
func head(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	h := uint64(0)
	for i, c := range text {
		h |= uint64(c) << (56 - 8*i)
	}
	return h
}

// addSpan appends n rows of the text at s. Nulls are put off: fill adds them.
func (t *textColumn) addSpan(b *schema.Batch, s schema.Span, n int) {
	if s.Off == 0 {
		t.gap += n
		return
	}
	if t.gap > 0 {
		t.fill()
	}
	if s != t.span {
		t.set(b, s)
	}
	t.repeat(n)
}

// repeat appends n rows of the current value.
func (t *textColumn) repeat(n int) {
	for n > 0 {
		k := t.push(min(n, t.left()))
		t.addLevels(k)
		n -= k
		t.checkPage()
	}
}

// set makes the text at s the current value.
func (t *textColumn) set(b *schema.Batch, s schema.Span) {
	t.setText(b.Buf[s.Off : s.Off+s.Len])
	t.span = s
}

// setText makes a text the current value.
func (t *textColumn) setText(text []byte) {
	t.span, t.value, t.seen = schema.Span{}, text, false
	if t.indexed && !bytes.Equal(t.value, t.texts.at(t.index)) {
		t.indexed = false
	}
	if len(t.value) >= maxText {
		t.err = errTextTooLong
		t.value = nil
	}
}

// push adds the current value up to n times to the open page, and returns how
// often.
func (t *textColumn) push(n int) int {
	size := 4 + len(t.value)
	if t.direct && n > 1 && n*size > manyBytes {
		if t.entries > 0 {
			t.closePage()
		}
		t.direct = false
	}
	if !t.direct {
		if !t.indexed {
			t.index = t.texts.index(t.value)
			t.indexed = true
		}
		t.indices.add(t.index, n)
		t.plainSize += int64(n) * int64(size)
		return n
	}
	if !t.seen {
		t.bound(t.value)
		t.seen = true
	}
	// Inside a map's row, the page may be over its size already.
	n = min(n, 1+max(0, pageBytes-len(t.plain))/size)
	at := len(t.plain)
	t.plain = room(t.plain, n*size)[:at+n*size]
	for ; at < len(t.plain); at += size {
		binary.LittleEndian.PutUint32(t.plain[at:], uint32(len(t.value)))
		copy(t.plain[at+4:], t.value)
	}
	t.plainSize += int64(n) * int64(size)
	return n
}

// checkPage ends the open page if it is full.
func (t *textColumn) checkPage() {
	if !t.probed && t.present >= probeValues && t.level == schema.ResultLevel {
		t.probe()
	}
	if t.entries >= pageEntries || len(t.plain) >= pageBytes || len(t.texts.plain)-t.dictStart >= pageBytes {
		t.closePage()
		t.indexed = t.indexed && !t.direct
	}
}

func (t *textColumn) add(v rows.Value, n int) {
	if !v.Set {
		t.gap += n
		return
	}
	if t.gap > 0 {
		t.fill()
	}
	t.setText(v.Text)
	t.repeat(n)
}

func (t *textColumn) flush() error {
	t.fill()
	return t.err
}

// begin starts on another batch: spans only mean something within one.
func (t *textColumn) begin() { t.span, t.value = schema.Span{}, nil }

func (t *textColumn) write(b *schema.Batch, rows *rowRuns) error {
	t.begin()
	switch t.level {
	case schema.ResultLevel:
		for _, r := range rows.results {
			t.addSpan(b, b.Results[r.row].Text[t.slot], r.n)
		}
	case schema.DetectionLevel:
		for _, r := range rows.detections {
			t.addSpan(b, b.Detections[r.row].Text[t.slot], r.n)
		}
	default:
		for _, r := range rows.detections {
			t.addLocations(b, &b.Detections[r.row], r.n)
		}
	}
	return t.flush()
}

// addLocations appends the n occurrences of a detection.
func (t *textColumn) addLocations(b *schema.Batch, det *schema.Detection, n int) {
	at := det.Locations
	switch t.slot {
	case schema.LocationKind:
		for kind, r := range at {
			t.addSpan(b, schema.Kind(kind).Span(), r.Len())
		}
		return
	case schema.CellColumnName:
		cells := b.Cells[at[schema.CellKind].First:at[schema.CellKind].End]
		for i := 0; i < len(cells); {
			s, first := cells[i].Name, i
			for i++; i < len(cells) && cells[i].Name == s; i++ {
			}
			t.addSpan(b, s, i-first)
		}
		n -= len(cells)
	case schema.CellReference:
		cells := b.Cells[at[schema.CellKind].First:at[schema.CellKind].End]
		for i := 0; i < len(cells); {
			s, first := cells[i].Reference, i
			for i++; i < len(cells) && cells[i].Reference == s; i++ {
			}
			t.addSpan(b, s, i-first)
		}
		n -= len(cells)
	case schema.JSONPath: // records are the last kind
		records := b.Records[at[schema.RecordKind].First:at[schema.RecordKind].End]
		t.addSpan(b, schema.Span{}, n-len(records))
		for i := 0; i < len(records); {
			s, first := records[i].Path, i
			for i++; i < len(records) && records[i].Path == s; i++ {
			}
			t.addSpan(b, s, i-first)
		}
		return
	}
	t.addSpan(b, schema.Span{}, n)
}

func (t *textColumn) seal() error {
	if t.err != nil {
		return t.err
	}
	err := t.dictColumn.seal()
	if t.bounded && max(len(t.low), len(t.high)) <= maxBound {
		t.chunk.bounded, t.chunk.low, t.chunk.high = true, t.low, t.high
	}
	return err
}

func (t *textColumn) next() {
	t.dictColumn.next()
	t.bounded = false
	t.low, t.high = trim(t.low), trim(t.high)
}
