//go:build linux || darwin || freebsd

package input

import (
	"io/fs"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// lstat is entry.Info for a file of the open directory dir: it looks the name up
// there. From the root on that takes several times as long.
func lstat(dir *os.File, entry fs.DirEntry) (status, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(int(dir.Fd()), entry.Name(), &st, unix.AT_SYMLINK_NOFOLLOW)
		runtime.KeepAlive(dir)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return status{}, &fs.PathError{Op: "lstat", Path: inside(dir.Name(), entry.Name()), Err: err}
		}
		return status{
			regular: st.Mode&unix.S_IFMT == unix.S_IFREG, size: st.Size, modified: time.Unix(st.Mtim.Unix()),
		}, nil
	}
}
