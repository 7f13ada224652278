package raw

import (
	"slices"
	"sync"

	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Tally counts what was read, rejected and skipped. Read it only after [Scan] or
// [Parts] has returned.
type Tally struct {
	Skipped         int64 // files whose names aren't those of results
	Sources         int64 // read to their ends
	RejectedSources int64
	Unreadable      int64 // sources
	Lines           int64
	RejectedLines   int64
	// Notes are the first rejected lines, rejected sources and unreadable sources,
	// at most 10.
	Notes []Note

	mu sync.Mutex // several goroutines read and decode at once
}

// Note is a line or a source that gave no rows.
type Note struct {
	URI   string
	Line  int64        // from 1; 0 for the whole source
	Class schema.Class // why it was rejected; empty if it could not be read
	Err   error        // why it could not be read; nil if it was rejected
	// Used says that lines of the source were already used when it turned out to
	// be broken.
	Used bool
}

const maxNotes = 10

// note keeps a note, if there is room.
func (t *Tally) note(n Note) {
	if len(t.Notes) < maxNotes {
		t.Notes = append(t.Notes, n)
	}
}

// addLines counts the lines of a decoded batch.
func (t *Tally) addLines(b *schema.Batch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Lines += b.LineCount
	t.RejectedLines += int64(len(b.Rejects))
	for i := range b.Rejects {
		if len(t.Notes) == maxNotes {
			break
		}
		r := &b.Rejects[i]
		t.note(Note{URI: b.Sources[r.Source].URI, Line: r.Line, Class: r.Class})
	}
}

// noteUsed notes that lines of a broken source were used.
func (t *Tally) noteUsed(s *input.Source) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(Note{URI: s.URI, Used: true})
}

// addOutcomes counts the sources that a reader has finished.
func (t *Tally) addOutcomes(sources []input.Source, outcomes []stream.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range outcomes {
		o := &outcomes[i]
		switch o.State {
		case stream.Converted:
			t.Sources++
			continue
		case stream.Rejected:
			t.RejectedSources++
		case stream.Unreadable:
			t.Unreadable++
		}
		uri := sources[o.Index].URI
		if i := slices.IndexFunc(t.Notes, func(n Note) bool { return n.Used && n.URI == uri }); i >= 0 {
			t.Notes[i].Class, t.Notes[i].Err = o.Class, o.Err
			continue
		}
		t.note(Note{URI: uri, Class: o.Class, Err: o.Err})
	}
}

// add adds another tally, except Skipped.
func (t *Tally) add(o *Tally) {
	t.Sources += o.Sources
	t.RejectedSources += o.RejectedSources
	t.Unreadable += o.Unreadable
	t.Lines += o.Lines
	t.RejectedLines += o.RejectedLines
	for _, n := range o.Notes {
		t.note(n)
	}
}
