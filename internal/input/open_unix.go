//go:build unix

package input

import (
	"io"
	"io/fs"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// open is os.Open for reading from beginning to end, without an os.File's poller and
// finalizer: for a file of a few KiB they cost as much as opening, reading and
// closing it.
func open(path string) (openFile, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return &file{path: path, fd: fd}, nil
	}
}

// file is an open file. Close may be called while another goroutine reads.
type file struct {
	path string
	mu   sync.Mutex
	fd   int // -1 once it is closed
}

func (f *file) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: fs.ErrClosed}
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := syscall.Read(f.fd, p[:min(len(p), 1<<30)]) // some systems refuse 2 GiB and more
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: f.path, Err: err}
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

func (f *file) status() (status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return status{}, &fs.PathError{Op: "stat", Path: f.path, Err: fs.ErrClosed}
	}
	var st unix.Stat_t
	for {
		err := unix.Fstat(f.fd, &st)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return status{}, &fs.PathError{Op: "stat", Path: f.path, Err: err}
		}
		return status{
			regular: st.Mode&unix.S_IFMT == unix.S_IFREG, size: st.Size, modified: time.Unix(st.Mtim.Unix()),
		}, nil
	}
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fd < 0 {
		return &fs.PathError{Op: "close", Path: f.path, Err: fs.ErrClosed}
	}
	err := syscall.Close(f.fd)
	f.fd = -1
	if err != nil {
		return &fs.PathError{Op: "close", Path: f.path, Err: err}
	}
	return nil
}
