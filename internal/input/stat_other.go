//go:build !(linux || darwin || freebsd)

package input

import (
	"io/fs"
	"os"
)

func lstat(_ *os.File, entry fs.DirEntry) (status, error) {
	info, err := entry.Info()
	if err != nil {
		return status{}, err
	}
	return statusOf(info), nil
}
