package s3store

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// spoolMemory is how many bytes all files that are being written hold in memory
// together; what is more goes to temporary files.
const spoolMemory = 64 << 20

// Blocks that a spool grows by, in bytes.
const (
	firstBlock = 4 << 10
	maxBlock   = 1 << 20
)

// spools is the memory of all spools of a store. It is safe for concurrent use.
type spools struct {
	mu   sync.Mutex
	left int64
}

// take takes n bytes, if there are as many.
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

// spool is a file that isn't uploaded yet: its beginning in memory, and once
// there is none left the rest in a temporary file that has no name. Nothing of it
// is in the store before it is whole, so that nothing has to be removed there
// should it never be.
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

// grow adds a block, as far as there is memory.
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

// spill begins the temporary file.
func (s *spool) spill() error {
	f, err := os.CreateTemp("", "macielake-*")
	if err != nil {
		return fmt.Errorf("making a temporary file for an upload: %w", err)
	}
	// Where a file can't be removed while it is open, close does it.
	_ = os.Remove(f.Name())
	s.file = f
	return nil
}

// reader reads all that was written.
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

// close drops it all.
func (s *spool) close() {
	s.memory.give(s.taken)
	s.blocks, s.taken = nil, 0
	if s.file != nil {
		s.file.Close()
		_ = os.Remove(s.file.Name())
		s.file = nil
	}
}
