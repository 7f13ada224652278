//go:build !unix

package input

import "os"

func open(path string) (openFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

type osFile struct{ *os.File }

func (f osFile) status() (status, error) {
	info, err := f.Stat()
	if err != nil {
		return status{}, err
	}
	return newStatus(info), nil
}
