//go:build unix

package input

import (
	"io/fs"
	"os"
	"syscall"
)

// open is os.Open without its attempt to poll the file, which costs as much as
// all the rest for a file of a few KiB.
func open(path string) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}
