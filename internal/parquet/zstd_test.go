package parquet

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/macielake/macielake/pkg/schema"
)

// appendInts appends integers as pages have them.
func appendInts(page []byte, values []int64) []byte {
	for _, v := range values {
		page = binary.LittleEndian.AppendUint64(page, uint64(v))
	}
	return page
}

// checkFrame checks that a frame is the page's, if there is one, and says so.
func checkFrame(t testing.TB, f *intFrames, dec *zstd.Decoder, page []byte, n int) bool {
	t.Helper()
	before := []byte("before")
	frame, ok := f.append(before, page, n)
	if !bytes.HasPrefix(frame, before) {
		t.Fatal("what was there is gone")
	}
	if !ok {
		if len(frame) != len(before) {
			t.Errorf("%d bytes of no frame", len(frame)-len(before))
		}
		return false
	}
	got, err := dec.DecodeAll(frame[len(before):], nil)
	if err != nil || !bytes.Equal(got, page) {
		t.Fatalf("%d integers after %d bytes: %d bytes of %d, %v", n, len(page)-8*n, len(got), len(page), err)
	}
	return true
}

func newFrameDecoder(t testing.TB) *zstd.Decoder {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(dec.Close)
	return dec
}

// Any page of integers that differ in their low bytes alone has a frame, which
// is the page again.
func TestIntFrames(t *testing.T) {
	f, dec := new(intFrames), newFrameDecoder(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 1023, 1024, 1025, 1026, 16384 + 1, 16384 + 2, 16384 + 3, 3*16384 + 2, 131072} {
		for _, head := range []int{0, 6, 1000, zstdBlock - 8, zstdBlock - 7} {
			for _, kind := range []struct {
				name   string
				framed bool // if it is long enough
				value  func(i int) int64
			}{
				{"ascending", true, func(i int) int64 { return int64(3 * i) }},
				{"one byte", true, func(i int) int64 { return int64(rng.IntN(256)) }},
				{"few", true, func(i int) int64 { return int64(rng.IntN(3)) }},
				{"two bytes and high ones", true, func(i int) int64 { return -1<<62 + int64(rng.IntN(1<<16)) }},
				{"five bytes", true, func(i int) int64 { return rng.Int64N(1 << 40) }},
				{"of the fifth byte alone", true, func(i int) int64 { return int64(i) << 32 & (1<<40 - 1) }},
				{"of the second byte alone", true, func(i int) int64 { return int64(i&1) << 8 }},
				{"only the last differs", true, func(i int) int64 { return int64(i) / int64(n-1) }},
				{"six bytes", false, func(i int) int64 { return int64(i&1) << 47 }},
				{"negative and positive", false, func(i int) int64 { return int64(i&1*2 - 1) }},
				{"all the same", false, func(i int) int64 { return 7 }},
			} {
				values := make([]int64, n)
				for i := range values {
					values[i] = 1
					if n > 1 {
						values[i] = kind.value(i)
					}
				}
				if values[0] == values[n-1] && kind.framed && n > 1 {
					values[n-1] ^= 1
				}
				page := appendInts(bytes.Repeat([]byte("x"), head), values)
				want := kind.framed && n >= minIntFrame && head+8 <= zstdBlock
				if got := checkFrame(t, f, dec, page, n); got != want {
					t.Errorf("%d values, %s, after %d bytes: a frame: %v, want %v", n, kind.name, head, got, want)
				}
			}
		}
	}
}

func FuzzIntFrames(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 0, 0, 0, 0, 0}, uint16(2000), uint8(6))
	f.Add([]byte{1, 255}, uint16(40000), uint8(0))
	frames, dec := new(intFrames), newFrameDecoder(f)
	f.Fuzz(func(t *testing.T, data []byte, count uint16, head uint8) {
		if len(data) == 0 {
			return
		}
		// The first byte says how many low bytes of each value come from the
		// others, over and over.
		low, data := int(data[0]%9), data[1:]
		if len(data) == 0 {
			return
		}
		page := bytes.Repeat([]byte{head}, int(head))
		at := 0
		for range int(count) {
			var value [8]byte
			for i := range low {
				value[i] = data[at%len(data)] + byte(at/len(data))
				at++
			}
			page = append(page, value[:]...)
		}
		checkFrame(t, frames, dec, page, int(count))
	})
}

// A page that isn't compressed is in its frame as it is.
func TestStoredFrames(t *testing.T) {
	dec := newFrameDecoder(t)
	for n := range maxStoredPage + 1 {
		page := bytes.Repeat([]byte{byte(n)}, n)
		frame := appendStored([]byte("before"), page)
		got, err := dec.DecodeAll(frame[len("before"):], nil)
		if err != nil || !bytes.Equal(got, page) || !bytes.HasPrefix(frame, []byte("before")) {
			t.Errorf("%d bytes: %q, %v", n, got, err)
		}
	}
}

// No frame needs a larger window than decoders must have.
func TestIntFrameWindow(t *testing.T) {
	f, dec := new(intFrames), newFrameDecoder(t)
	for n, want := range map[int]bool{maxIntFrame / 8: true, maxIntFrame/8 + 1: false} {
		values := make([]int64, n)
		for i := range values {
			values[i] = int64(i % 1000)
		}
		if got := checkFrame(t, f, dec, appendInts(nil, values), n); got != want {
			t.Errorf("%d integers: a frame: %v", n, got)
		}
	}
}

// An occurrence's own integers get such frames, and no other column does.
func TestIntFrameColumns(t *testing.T) {
	f := newFormat(t, Options{})
	page := appendInts(nil, make([]int64, 2000))
	for i := range 2000 {
		page[8*i], page[8*i+1] = byte(i), byte(i>>8)
	}
	frame, ok := new(intFrames).append(nil, page, 2000)
	if !ok {
		t.Fatal("no frame")
	}
	framed := map[string]int{}
	for _, table := range schema.Tables() {
		for i, c := range f.newTable(table).columns {
			v, ok := c.(*intColumn)
			if !ok {
				continue
			}
			s := f.scratch()
			s.body = append(s.body[:0], page...)
			got := bytes.Equal(v.compress(s, len(page)), frame)
			if want := table.Columns[i].Level == schema.OccurrenceLevel && v.width == 8; got != want {
				t.Errorf("%s.%s: a frame of integers: %v", table.Name, table.Columns[i].Name, got)
			}
			if got {
				framed[table.Name]++
			}
			f.release(s)
		}
	}
	if len(framed) != 1 || framed["occurrences"] < 10 {
		t.Errorf("columns with such frames: %v", framed)
	}
}
