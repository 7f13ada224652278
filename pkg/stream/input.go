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

// body reads the stored bytes of a source, once.
type body interface {
	io.Reader
	// close ends the reading and waits for the goroutines that it started.
	close()
}

// input reads a body through a buffer of one window. It fills the buffer
// completely, so where a buffer ends doesn't depend on how many bytes a Read of the
// body returns. An error is returned again by each later Read.
type input struct {
	*bufio.Reader
	stored storedReader
}

func newInput() *input { return &input{Reader: bufio.NewReaderSize(nil, window)} }

func (in *input) reset(from body) {
	in.stored = storedReader{body: from}
	in.Reset(&in.stored)
}

// consumed returns the number of bytes that were taken from the buffer.
func (in *input) consumed() int64 { return in.stored.n - int64(in.Buffered()) }

// storedReader fills the buffer.
type storedReader struct {
	body body
	n    int64 // bytes read
	err  error // io.EOF or a *readError
}

func (s *storedReader) Read(p []byte) (int, error) {
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

// readFull reads until p is full or r returns an error. It returns the error even if
// it read bytes. If err is not nil, it returns err without reading.
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

// directBody opens and reads a source in the goroutine of the reader.
type directBody struct {
	ctx    context.Context
	source *Source
	rc     io.ReadCloser
	wait   *time.Duration // increased by the time that opening and reading take
}

func (d *directBody) Read(p []byte) (int, error) {
	if err := d.ctx.Err(); err != nil {
		return 0, err
	}
	start := time.Now()
	defer func() { *d.wait += time.Since(start) }()
	if d.rc == nil {
		rc, err := d.source.Open(d.ctx)
		if err != nil {
			return 0, wrapEOF(err)
		}
		d.rc = rc
	}
	return d.rc.Read(p)
}

func (d *directBody) close() {
	if d.rc != nil {
		_ = d.rc.Close() // an error loses nothing: the source was only read
	}
}

// wrapEOF wraps io.EOF, so that a failed Open isn't mistaken for an empty source.
func wrapEOF(err error) error {
	if err == io.EOF {
		return fmt.Errorf("opening: %w", err)
	}
	return err
}
