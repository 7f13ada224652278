package input

import (
	"fmt"
	"net/url"
	"strings"
)

// URLError says that a user named a web address, such as a presigned URL, instead of
// a file. It omits the query, whose signature may let anybody read the file.
type URLError struct{ URL string } // without query, user and fragment

func (e *URLError) Error() string { return fmt.Sprintf("%s is a web address, not a file", e.URL) }

// CheckURL returns a *URLError if name is a web address, and nil otherwise.
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
