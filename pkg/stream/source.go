package stream

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"
)

// window is the size of the buffer that the inflater reads from, and of the
// reads that fill it.
const window = 256 << 10

// body is a reading of an object's stored bytes.
type body interface {
	io.Reader
	// close ends the reading and waits for what it started.
	close()
}

// input is a body through a buffer of one window, which fills from it in full
// reads: so the buffer's edges don't depend on how many bytes a source returns
// at a time. Errors stay.
type input struct {
	*bufio.Reader
	stored stored
}

func newInput() *input { return &input{Reader: bufio.NewReaderSize(nil, window)} }

func (in *input) reset(from body) {
	in.stored = stored{body: from}
	in.Reset(&in.stored)
}

// consumed is how many bytes were taken from the buffer.
func (in *input) consumed() int64 { return in.stored.n - int64(in.Buffered()) }

// stored is what fills the buffer.
type stored struct {
	body body
	n    int64 // bytes read
	err  error // io.EOF or a *readError
}

func (s *stored) Read(p []byte) (int, error) {
	n, err := readFull(s.body, p, s.err)
	s.n += int64(n)
	if s.err == nil && err != nil {
		s.err = err
		if err != io.EOF {
			s.err = &readError{err}
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, s.err
}

// readFull reads until p is full or r returned an error, which it returns even
// when there are bytes. It does nothing if err is an error already.
func readFull(r io.Reader, p []byte, err error) (int, error) {
	n, idle := 0, 0
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
		if m > 0 {
			idle = 0
		} else if idle++; idle == 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}

// direct reads an object in the reader's own goroutine.
type direct struct {
	ctx    context.Context
	object *Object
	rc     io.ReadCloser
	wait   *time.Duration
}

func (d *direct) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	start := time.Now()
	defer func() { *d.wait += time.Since(start) }()
	if d.rc == nil {
		rc, err := d.object.Open(d.ctx)
		if err != nil {
			return 0, noEOF(err)
		}
		d.rc = rc
	}
	return d.rc.Read(p)
}

func (d *direct) close() {
	if d.rc != nil {
		_ = d.rc.Close() // nothing was written
	}
}

// noEOF keeps an Open that fails with io.EOF from looking like an empty object.
func noEOF(err error) error {
	if err == io.EOF {
		return fmt.Errorf("opening: %w", err)
	}
	return err
}
