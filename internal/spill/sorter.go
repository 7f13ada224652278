// Package spill sorts any number of pairs in bounded memory: what doesn't fit goes
// to temporary files.
//
// Start with [NewSorter].
package spill

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Sorter sorts any number of pairs of key and value in bounded memory: what
// doesn't fit is written to files as sorted runs, which are merged. Pairs are
// in the order of their prefixes, then their keys, byte by byte; those of the
// same key in any order. It is not safe for concurrent use.
type Sorter struct {
	limit int64 // bytes of pairs in memory
	heap  Arena
	refs  []ref
	runs  []*run
}

// ref is a pair in memory.
type ref struct {
	prefix     uint64
	chunk, off uint32
	klen, vlen uint32
}

const refBytes = 24

// run is a sorted file of pairs.
type run struct {
	file  *os.File
	level int // how often what it holds was merged
}

// maxRuns is how many runs of one level there are before they are merged into
// one of the next: it bounds open files, and the memory of a merge.
const maxRuns = 64

// NewSorter returns an empty sorter of about limit bytes in memory.
func NewSorter(limit int64) *Sorter { return &Sorter{limit: limit} }

// Add adds a pair, whose bytes it copies.
func (s *Sorter) Add(prefix uint64, key, value []byte) error {
	if len(s.refs) > 0 && s.heap.used+int64(len(key)+len(value))+refBytes*int64(len(s.refs)) > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	chunk, off := s.heap.Add(key, value)
	s.refs = append(s.refs, ref{prefix, chunk, off, uint32(len(key)), uint32(len(value))})
	return nil
}

// Absorb takes over all pairs of o, which is then empty.
func (s *Sorter) Absorb(o *Sorter) error {
	s.runs = append(s.runs, o.runs...)
	o.runs = nil
	if len(s.refs) > 0 && s.heap.used+o.heap.taken()+refBytes*int64(len(s.refs)+len(o.refs)) > s.limit {
		if err := s.spill(); err != nil {
			return err
		}
	}
	if len(o.refs) > 0 {
		if first, ok := s.heap.absorb(&o.heap); ok {
			s.refs = slices.Grow(s.refs, len(o.refs))
			for _, r := range o.refs {
				r.chunk += first
				s.refs = append(s.refs, r)
			}
			o.refs = o.refs[:0]
		}
	}
	for _, r := range o.refs {
		key, value := o.pair(r)
		if err := s.Add(r.prefix, key, value); err != nil {
			return err
		}
	}
	o.refs = o.refs[:0]
	o.heap.Reset()
	return s.compact()
}

func (s *Sorter) pair(r ref) (key, value []byte) {
	b := s.heap.chunks[r.chunk][r.off:]
	return b[:r.klen:r.klen], b[r.klen : r.klen+r.vlen : r.klen+r.vlen]
}

func (s *Sorter) sort() {
	slices.SortFunc(s.refs, func(a, b ref) int {
		if c := cmp.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		x, _ := s.pair(a)
		y, _ := s.pair(b)
		return bytes.Compare(x, y)
	})
}

// spill writes what is in memory to a run.
func (s *Sorter) spill() error {
	s.sort()
	err := s.write(0, func(put func(prefix uint64, key, value []byte) error) error {
		for _, r := range s.refs {
			key, value := s.pair(r)
			if err := put(r.prefix, key, value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.refs = s.refs[:0]
	s.heap.Reset()
	return s.compact()
}

// compact merges the runs of each level that has too many.
func (s *Sorter) compact() error {
	for level := 0; slices.ContainsFunc(s.runs, func(r *run) bool { return r.level >= level }); level++ {
		var same, others []*run
		for _, r := range s.runs {
			if r.level == level {
				same = append(same, r)
			} else {
				others = append(others, r)
			}
		}
		if len(same) < maxRuns {
			continue
		}
		cursors, err := openRuns(same)
		if err != nil {
			return err
		}
		err = s.write(level+1, func(put func(prefix uint64, key, value []byte) error) error {
			return mergeCursors(context.Background(), cursors, put)
		})
		if err != nil {
			return err
		}
		s.runs = append(others, s.runs[len(s.runs)-1])
		for _, r := range same {
			r.file.Close() // it was only read
		}
	}
	return nil
}

// write makes a run of the pairs that fill puts.
func (s *Sorter) write(level int, fill func(put func(prefix uint64, key, value []byte) error) error) error {
	file, err := tempFile()
	if err != nil {
		return err
	}
	s.runs = append(s.runs, &run{file, level}) // and is closed with the others
	z, err := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(spillWindow))
	if err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	out := bufio.NewWriterSize(z, spillWindow)
	var head []byte
	err = fill(func(prefix uint64, key, value []byte) error {
		head = binary.BigEndian.AppendUint64(head[:0], prefix)
		head = binary.AppendUvarint(head, uint64(len(key)))
		head = binary.AppendUvarint(head, uint64(len(value)))
		for _, b := range [...][]byte{head, key, value} {
			if _, err := out.Write(b); err != nil {
				return fmt.Errorf("temporary file: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		z.Close()
		return err
	}
	if err := out.Flush(); err != nil {
		z.Close()
		return fmt.Errorf("temporary file: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("temporary file: %w", err)
	}
	return nil
}

// spillWindow is the window of the runs' compression: a merge has one a run.
const spillWindow = 128 << 10

// tempFile returns a new temporary file that nobody else can open, and that is
// gone with the process where the system allows it.
func tempFile() (*os.File, error) {
	f, err := os.CreateTemp("", "macielake-")
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	return f, nil
}

// Each calls do for all pairs in order, and ends with its first error or ctx's.
// The bytes are valid until do returns. Pairs can be added again afterwards.
func (s *Sorter) Each(ctx context.Context, do func(prefix uint64, key, value []byte) error) error {
	s.sort()
	cursors := []cursor{&memoryCursor{s: s}}
	opened, err := openRuns(s.runs)
	if err != nil {
		return err
	}
	return mergeCursors(ctx, append(cursors, opened...), do)
}

// Empty reports whether the sorter holds no pair.
func (s *Sorter) Empty() bool { return len(s.refs)+len(s.runs) == 0 }

// InMemory reports whether all pairs are in memory: their bytes then stay valid
// until pairs are added.
func (s *Sorter) InMemory() bool { return len(s.runs) == 0 }

// Close drops everything.
func (s *Sorter) Close() {
	for _, r := range s.runs {
		r.file.Close() // nobody needs what it holds
	}
	s.runs, s.refs, s.heap = nil, nil, Arena{}
}

// cursor is a sorted sequence of pairs.
type cursor interface {
	// next goes to the next pair, and reports whether there is one.
	next() (bool, error)
	// pair is the pair it is at, valid until next.
	pair() (prefix uint64, key, value []byte)
	close()
}

type memoryCursor struct {
	s  *Sorter
	at int // one after the pair
}

func (c *memoryCursor) next() (bool, error) {
	c.at++
	return c.at <= len(c.s.refs), nil
}

func (c *memoryCursor) pair() (uint64, []byte, []byte) {
	r := c.s.refs[c.at-1]
	key, value := c.s.pair(r)
	return r.prefix, key, value
}

func (c *memoryCursor) close() {}

// runCursor reads a run.
type runCursor struct {
	z      *zstd.Decoder
	in     *bufio.Reader
	prefix uint64
	klen   int
	buf    []byte
}

func (r *run) open() (cursor, error) {
	z, err := zstd.NewReader(io.NewSectionReader(r.file, 0, 1<<62), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("temporary file: %w", err)
	}
	return &runCursor{z: z, in: bufio.NewReaderSize(z, spillWindow)}, nil
}

func openRuns(runs []*run) ([]cursor, error) {
	cursors := make([]cursor, len(runs))
	for i, r := range runs {
		var err error
		if cursors[i], err = r.open(); err != nil {
			return nil, err
		}
	}
	return cursors, nil
}

func (c *runCursor) next() (bool, error) {
	ok, err := c.read()
	if err != nil {
		return false, fmt.Errorf("temporary file: %w", err)
	}
	return ok, nil
}

func (c *runCursor) read() (bool, error) {
	var head [8]byte
	if n, err := io.ReadFull(c.in, head[:]); err != nil {
		if n == 0 && err == io.EOF {
			return false, nil
		}
		return false, err
	}
	klen, err := binary.ReadUvarint(c.in)
	if err != nil {
		return false, err
	}
	vlen, err := binary.ReadUvarint(c.in)
	if err != nil {
		return false, err
	}
	c.prefix, c.klen = binary.BigEndian.Uint64(head[:]), int(klen)
	c.buf = slices.Grow(c.buf[:0], int(klen+vlen))[:klen+vlen]
	_, err = io.ReadFull(c.in, c.buf)
	return err == nil, err
}

func (c *runCursor) pair() (uint64, []byte, []byte) {
	return c.prefix, c.buf[:c.klen:c.klen], c.buf[c.klen:]
}

func (c *runCursor) close() { c.z.Close() }

// CheckEvery is how many pairs are merged between two looks at the context.
const CheckEvery = 4096

// mergeCursors calls do for the pairs of all cursors, in order, and closes them.
func mergeCursors(ctx context.Context, cursors []cursor, do func(prefix uint64, key, value []byte) error) error {
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	m := make(merge, 0, len(cursors))
	for _, c := range cursors {
		ok, err := c.next()
		if err != nil {
			return err
		}
		if ok {
			m = append(m, c)
		}
	}
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	for n := 0; len(m) > 0; n++ {
		if n%CheckEvery == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		prefix, key, value := m[0].pair()
		if err := do(prefix, key, value); err != nil {
			return err
		}
		ok, err := m[0].next()
		if err != nil {
			return err
		}
		if !ok {
			m[0] = m[len(m)-1]
			m = m[:len(m)-1]
		}
		m.down(0)
	}
	return nil
}

// merge is a heap of cursors, the one with the smallest pair first.
type merge []cursor

func (m merge) less(i, j int) bool {
	p, key, _ := m[i].pair()
	q, other, _ := m[j].pair()
	return p < q || p == q && bytes.Compare(key, other) < 0
}

// down moves the i'th cursor to its place among those below it.
func (m merge) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m); child++ {
			if m.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		m[i], m[least] = m[least], m[i]
		i = least
	}
}
