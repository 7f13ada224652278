package current

import "bytes"

// known is what origins are known to look for: of each origin and identifier when
// the newest result was created that reports it, at each point where states of
// several are asked for.
type known struct {
	origins, identifiers map[string]uint32
	newest               map[report]int64

	last   []byte // the origin that was numbered last; nil where there is none
	lastAt uint32
}

// report is an origin that reported an identifier at a point.
type report struct {
	origin, identifier uint32
	point              int32
}

func newKnown() *known {
	return &known{origins: make(map[string]uint32), identifiers: make(map[string]uint32), newest: make(map[report]int64)}
}

// number returns the number of a text, which it gets if it has none.
func number(numbers map[string]uint32, text []byte) uint32 {
	n, ok := numbers[string(text)]
	if !ok {
		n = uint32(len(numbers))
		numbers[string(text)] = n
	}
	return n
}

// originAt returns the number of an origin.
func (k *known) originAt(origin []byte) uint32 {
	if k.last == nil || !bytes.Equal(k.last, origin) {
		k.last, k.lastAt = append(k.last[:0], origin...), number(k.origins, origin)
	}
	return k.lastAt
}

func (k *known) add(origin, identifier []byte, point int32, created int64) {
	k.set(report{number(k.origins, origin), number(k.identifiers, identifier), point}, created)
}

func (k *known) set(r report, created int64) {
	if newest, ok := k.newest[r]; !ok || created > newest {
		k.newest[r] = created
	}
}

// merge adds what others know.
func (k *known) merge(o *known) {
	origins, identifiers := make([]uint32, len(o.origins)), make([]uint32, len(o.identifiers))
	for text, n := range o.origins {
		origins[n] = number(k.origins, []byte(text))
	}
	for text, n := range o.identifiers {
		identifiers[n] = number(k.identifiers, []byte(text))
	}
	for r, created := range o.newest {
		k.set(report{origins[r.origin], identifiers[r.identifier], r.point}, created)
	}
}

// looked reports whether an origin reported an identifier at or after a time, at
// the points from first to last.
func (k *known) looked(origin, identifier []byte, from int64, first, last int32) bool {
	o, ok := k.origins[string(origin)]
	if !ok {
		return false
	}
	i, ok := k.identifiers[string(identifier)]
	if !ok {
		return false
	}
	for point := first; ; point++ {
		if newest, ok := k.newest[report{o, i, point}]; ok && newest >= from {
			return true
		}
		if point >= last {
			return false
		}
	}
}
