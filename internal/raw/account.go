package raw

import (
	"slices"
	"sync"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Account is what became of the input. It may be read once Scan has returned.
type Account struct {
	Skipped         int64 // objects that aren't results by their names
	Objects         int64 // that were read to their ends
	RejectedObjects int64
	Unreadable      int64 // objects
	Lines           int64
	RejectedLines   int64
	// Notes are the first of what was rejected or couldn't be read.
	Notes []Note

	mu sync.Mutex // reading and writing go on side by side
}

// Note is a line or an object that gave no rows.
type Note struct {
	URI   string
	Line  int64        // from 1; 0 for the object
	Class schema.Class // why it was rejected; empty where it couldn't be read
	Err   error        // why it couldn't be read
	// Used says that lines of the object were used before it turned out to be
	// broken.
	Used bool
}

// maxNotes is how many notes are kept: input can have any number.
const maxNotes = 10

func (a *Account) note(n Note) {
	if len(a.Notes) < maxNotes {
		a.Notes = append(a.Notes, n)
	}
}

// lines takes a batch that was decoded.
func (a *Account) lines(b *schema.Batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Lines += b.LineCount
	a.RejectedLines += int64(len(b.Rejects))
	for i := range b.Rejects {
		if len(a.Notes) == maxNotes {
			break
		}
		r := &b.Rejects[i]
		a.note(Note{URI: b.Sources[r.Source].URI, Line: r.Line, Class: r.Class})
	}
}

// spoiled notes that lines of a source were used that isn't whole.
func (a *Account) spoiled(s *input.Source) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.note(Note{URI: s.URI, Used: true})
}

// outcomes takes what became of the sources of a reader.
func (a *Account) outcomes(sources []input.Source, outcomes []stream.Outcome) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range outcomes {
		o := &outcomes[i]
		switch o.State {
		case stream.Converted:
			a.Objects++
			continue
		case stream.Rejected:
			a.RejectedObjects++
		case stream.Unreadable:
			a.Unreadable++
		}
		uri := sources[o.Index].URI
		if i := slices.IndexFunc(a.Notes, func(n Note) bool { return n.Used && n.URI == uri }); i >= 0 {
			a.Notes[i].Class, a.Notes[i].Err = o.Class, o.Err
			continue
		}
		a.note(Note{URI: uri, Class: o.Class, Err: o.Err})
	}
}

// add adds another account, but for what listing counts.
func (a *Account) add(o *Account) {
	a.Objects += o.Objects
	a.RejectedObjects += o.RejectedObjects
	a.Unreadable += o.Unreadable
	a.Lines += o.Lines
	a.RejectedLines += o.RejectedLines
	for _, n := range o.Notes {
		a.note(n)
	}
}
