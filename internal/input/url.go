package input

import (
	"fmt"
	"net/url"
	"strings"
)

// URLError says that a user names a web address, such as a presigned URL, in place
// of a file. Its query may hold a signature that lets anybody read the file, so
// the error doesn't have it.
type URLError struct{ URL string } // without query, user and fragment

func (e *URLError) Error() string { return fmt.Sprintf("%s is a web address, not a file", e.URL) }

// CheckURL returns a URLError for a web address.
func CheckURL(name string) error {
	lower := strings.ToLower(name)
	if !strings.HasPrefix(lower, "http:/") && !strings.HasPrefix(lower, "https:/") {
		return nil
	}
	u, err := url.Parse(name)
	if err != nil {
		return &URLError{"the argument"}
	}
	return &URLError{u.Scheme + "://" + u.Host + u.EscapedPath()}
}
