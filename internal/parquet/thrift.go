package parquet

import "encoding/binary"

// Types of the Thrift compact protocol (Thrift specification, "Compact
// protocol encoding").
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

// thrift appends a struct in Thrift's compact protocol, which is how Parquet
// writes page headers and the footer. It exists because arrow-go keeps its
// generated structs internal, and its metadata builders order encodings by the
// iteration of a map, which would make the bytes of a file random.
type thrift struct {
	buf   []byte
	field int   // the last field written in the open struct
	outer []int // that of the structs around it
}

// reset starts a new struct at the end of buf.
func (t *thrift) reset(buf []byte) {
	t.buf, t.field, t.outer = buf, 0, t.outer[:0]
}

func (t *thrift) header(field, kind int) {
	if delta := field - t.field; delta > 0 && delta <= 15 {
		t.buf = append(t.buf, byte(delta<<4|kind))
	} else {
		t.buf = append(t.buf, byte(kind))
		t.buf = binary.AppendVarint(t.buf, int64(field))
	}
	t.field = field
}

func (t *thrift) i32(field int, v int32) {
	t.header(field, thriftI32)
	t.buf = binary.AppendVarint(t.buf, int64(v))
}

func (t *thrift) i64(field int, v int64) {
	t.header(field, thriftI64)
	t.buf = binary.AppendVarint(t.buf, v)
}

func (t *thrift) boolean(field int, v bool) {
	if v {
		t.header(field, thriftTrue)
	} else {
		t.header(field, thriftFalse)
	}
}

func (t *thrift) text(field int, v string) {
	t.header(field, thriftBinary)
	t.textElement(v)
}

func (t *thrift) bytes(field int, v []byte) {
	t.header(field, thriftBinary)
	t.buf = binary.AppendUvarint(t.buf, uint64(len(v)))
	t.buf = append(t.buf, v...)
}

// list starts a list of n elements, which the caller appends.
func (t *thrift) list(field, kind, n int) {
	t.header(field, thriftList)
	if n < 15 {
		t.buf = append(t.buf, byte(n<<4|kind))
		return
	}
	t.buf = append(t.buf, byte(0xf0|kind))
	t.buf = binary.AppendUvarint(t.buf, uint64(n))
}

func (t *thrift) i32Element(v int32) { t.buf = binary.AppendVarint(t.buf, int64(v)) }

func (t *thrift) textElement(v string) {
	t.buf = binary.AppendUvarint(t.buf, uint64(len(v)))
	t.buf = append(t.buf, v...)
}

// begin opens a struct as a field, beginElement as an element of a list. Each
// ends with end, as the outermost struct does.
func (t *thrift) begin(field int) {
	t.header(field, thriftStruct)
	t.beginElement()
}

func (t *thrift) beginElement() {
	t.outer = append(t.outer, t.field)
	t.field = 0
}

func (t *thrift) end() {
	t.buf = append(t.buf, 0)
	if n := len(t.outer); n > 0 {
		t.field, t.outer = t.outer[n-1], t.outer[:n-1]
	}
}

// empty is a struct without fields, as a union's alternatives often are.
func (t *thrift) empty(field int) {
	t.begin(field)
	t.end()
}
