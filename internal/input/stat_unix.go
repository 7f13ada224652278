//go:build linux || darwin || freebsd

package input

import (
	"io/fs"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// lstat returns the status of a file of the open directory dir. It looks the name
// up in dir: entry.Info looks up the whole path, which takes several times as long.
func lstat(dir *os.File, entry fs.DirEntry) (status, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(int(dir.Fd()), entry.Name(), &st, unix.AT_SYMLINK_NOFOLLOW)
		runtime.KeepAlive(dir)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return status{}, &fs.PathError{Op: "lstat", Path: joinReal(dir.Name(), entry.Name()), Err: err}
		}
		return status{
			regular: st.Mode&unix.S_IFMT == unix.S_IFREG, size: st.Size, modified: time.Unix(st.Mtim.Unix()),
		}, nil
	}
}
