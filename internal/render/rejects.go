package render

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/macielake/macielake/internal/maintain"
	"github.com/macielake/macielake/internal/text"
	"github.com/macielake/macielake/pkg/schema"
)

// RejectsOptions say how rejects are written.
type RejectsOptions struct {
	List  bool                      // each of them; otherwise how many each class has
	Raw   bool                      // with the bytes of rejected lines
	JSON  func(any) ([]byte, error) // a line of JSON each, in place of text, if it isn't nil
	Class string                    // that was asked for; empty for all
}

// Rejects writes rejects as they come. It is not safe for concurrent use.
type Rejects struct {
	o            RejectsOptions
	out          *bufio.Writer
	classes      map[schema.Class]int64
	acknowledged int64
}

// NewRejects returns what writes rejects to w. The caller ends it.
func NewRejects(w io.Writer, o RejectsOptions) *Rejects {
	return &Rejects{o: o, out: bufio.NewWriter(w), classes: map[schema.Class]int64{}}
}

// Add writes or counts a reject. Errors of writing show in End.
func (r *Rejects) Add(reject *maintain.OutstandingReject) error {
	r.classes[reject.Class]++
	if reject.Acknowledged {
		r.acknowledged++
	}
	if !r.o.Raw {
		reject.Raw = nil
	}
	switch {
	case r.o.JSON != nil:
		line, err := r.o.JSON(reject)
		r.out.Write(append(line, '\n'))
		return err
	case r.o.List:
		where := text.Printable(text.Short(reject.URI))
		if reject.Line > 0 {
			where += fmt.Sprintf(", line %d, byte offset %d", reject.Line, reject.Offset)
		}
		fmt.Fprintf(r.out, "%s: %s\n", where, text.Printable(string(reject.Class)))
		if len(reject.Raw) > 0 {
			fmt.Fprintf(r.out, "  %s\n", text.Printable(string(reject.Raw)))
		}
	}
	return nil
}

// End writes how many rejects each class has, unless they were listed, and that
// there are none.
func (r *Rejects) End() error {
	switch {
	case r.o.JSON != nil:
	case len(r.classes) == 0 && r.o.Class != "":
		fmt.Fprintf(r.out, "no rejects of class %s\n", text.Printable(r.o.Class))
	case len(r.classes) == 0:
		fmt.Fprintln(r.out, "no rejects")
	case !r.o.List:
		byCount := func(a, b schema.Class) int {
			return cmp.Or(cmp.Compare(r.classes[b], r.classes[a]), cmp.Compare(a, b))
		}
		for _, class := range slices.SortedFunc(maps.Keys(r.classes), byCount) {
			fmt.Fprintf(r.out, "%-20s %s\n", text.Printable(string(class)), text.Count(r.classes[class]))
		}
		if r.acknowledged > 0 {
			fmt.Fprintf(r.out, "%-20s %s\n", "acknowledged", text.Count(r.acknowledged))
		}
	}
	return r.out.Flush()
}

// Acknowledged writes what acknowledging rejects came to.
func Acknowledged(w io.Writer, a *maintain.Acknowledged) error {
	_, err := fmt.Fprintf(w, "%s acknowledged; %s neither acknowledged nor converted\n",
		text.Plural(a.Rejects, "reject"), text.Plural(a.Left, "reject"))
	if err == nil && a.Unread+a.UnreadLeft > 0 {
		_, err = fmt.Fprintf(w, "%s acknowledged; %s neither acknowledged nor read\n",
			text.Plural(a.Unread, "unread source"), text.Plural(a.UnreadLeft, "unread source"))
	}
	return err
}
