package s3store

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// spoolMemory bounds the memory of all files being written together, in bytes; the rest
// of them is in temporary files.
const spoolMemory = 64 << 20

// Sizes of the blocks by which a spool grows, in bytes.
const (
	firstBlock = 4 << 10
	maxBlock   = 1 << 20
)

// spools counts the memory of all spools of a store. It is safe for concurrent use.
type spools struct {
	mu   sync.Mutex
	left int64
}

// take takes n bytes if that many are left.
func (s *spools) take(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left < n {
		return false
	}
	s.left -= n
	return true
}

func (s *spools) give(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left += n
}

// spool is a file that isn't uploaded yet: its beginning is in memory and, once no
// memory is left, the rest in an unnamed temporary file. The store has nothing of it
// before it is whole, so an interruption leaves nothing to remove there.
type spool struct {
	memory *spools
	blocks [][]byte
	taken  int64
	file   *os.File
	inFile int64
	size   int64
}

func (s *spool) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) && s.file == nil {
		n := len(s.blocks)
		if n == 0 || len(s.blocks[n-1]) == cap(s.blocks[n-1]) {
			if !s.grow() {
				break
			}
			n = len(s.blocks)
		}
		last := &s.blocks[n-1]
		m := min(cap(*last)-len(*last), len(p)-written)
		*last = append(*last, p[written:written+m]...)
		written += m
	}
	s.size += int64(written)
	if written == len(p) {
		return written, nil
	}
	if s.file == nil {
		if err := s.spill(); err != nil {
			return written, err
		}
	}
	n, err := s.file.Write(p[written:])
	s.inFile += int64(n)
	s.size += int64(n)
	return written + n, err
}

// grow adds a block if memory is left.
func (s *spool) grow() bool {
	size := firstBlock
	if n := len(s.blocks); n > 0 {
		size = min(2*cap(s.blocks[n-1]), maxBlock)
	}
	if !s.memory.take(int64(size)) {
		return false
	}
	s.taken += int64(size)
	s.blocks = append(s.blocks, make([]byte, 0, size))
	return true
}

// spill creates the temporary file.
func (s *spool) spill() error {
	f, err := os.CreateTemp("", "macielake-*")
	if err != nil {
		return fmt.Errorf("making a temporary file for an upload: %w", err)
	}
	// On systems that can't remove an open file, close removes it.
	_ = os.Remove(f.Name())
	s.file = f
	return nil
}

// reader returns a reader of all bytes written.
func (s *spool) reader() io.Reader {
	var readers []io.Reader
	for _, b := range s.blocks {
		readers = append(readers, bytes.NewReader(b))
	}
	if s.file != nil {
		readers = append(readers, io.NewSectionReader(s.file, 0, s.inFile))
	}
	return io.MultiReader(readers...)
}

// close discards the file.
func (s *spool) close() {
	s.memory.give(s.taken)
	s.blocks, s.taken = nil, 0
	if s.file != nil {
		s.file.Close()
		_ = os.Remove(s.file.Name())
		s.file = nil
	}
}
