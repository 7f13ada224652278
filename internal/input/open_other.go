//go:build !unix

package input

import (
	"io"
	"os"
)

func open(path string) (io.ReadCloser, error) { return os.Open(path) }
