//go:build !(linux || darwin || freebsd)

package input

import (
	"io/fs"
	"os"
)

// lstat returns the status of a file of the open directory.
func lstat(_ *os.File, entry fs.DirEntry) (status, error) {
	info, err := entry.Info()
	if err != nil {
		return status{}, err
	}
	return newStatus(info), nil
}
