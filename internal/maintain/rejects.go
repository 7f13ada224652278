package maintain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
)

// OutstandingReject is a reject of a dataset that no later run has converted.
type OutstandingReject struct {
	Run          string `json:"run"` // run_id of the run that recorded it
	Acknowledged bool   `json:"acknowledged"`
	*state.Reject
}

// EachReject calls each for the outstanding rejects of a dataset, by run and part.
// Files of rejects must have the bytes that the end records name.
func EachReject(ctx context.Context, s store.Store, each func(*OutstandingReject) error) error {
	d, runs, err := state.Open(ctx, s, state.Everything)
	if err != nil {
		return err
	}
	notes, err := state.LoadNotes(ctx, s, &d)
	if err != nil {
		return err
	}
	outstanding, err := state.LoadOutstanding(ctx, s, runs)
	if err != nil {
		return err
	}
	return outstanding.Each(ctx, func(run *state.RunState, r *state.Reject) error {
		return each(&OutstandingReject{Run: run.RunID, Acknowledged: notes.Acknowledges(run.Number, r), Reject: r})
	})
}

// Acknowledgement says which rejects are accepted, and why.
type Acknowledgement struct {
	Reason string
	Class  schema.Class // empty for all
	URI    string       // of a source; empty for all
}

// Acknowledged is what acknowledging rejects came to.
type Acknowledged struct {
	Dataset string `json:"dataset"` // its URI
	state.Acknowledgement
	At time.Time `json:"at"`
	// Rejects are accepted that weren't before; Left are neither accepted nor
	// converted.
	Rejects int64 `json:"rejects"`
	Left    int64 `json:"rejects_left"`
	// Unread and UnreadLeft are the same of sources that could not be read.
	Unread     int64 `json:"unread_sources"`
	UnreadLeft int64 `json:"unread_sources_left"`
}

// ErrNoReason says that rejects can't be acknowledged without a reason.
var ErrNoReason = errors.New("rejects are acknowledged with a reason: give --reason TEXT")

// NoRejectsError says that no outstanding reject is as an acknowledgement wants
// it.
type NoRejectsError struct{ Class, URI string }

func (e *NoRejectsError) Error() string {
	var of []string
	if e.Class != "" {
		of = append(of, "of class "+e.Class)
	}
	if e.URI != "" {
		of = append(of, "in "+e.URI)
	}
	return strings.TrimSpace(fmt.Sprintf("there is nothing to acknowledge: no outstanding rejects or unread sources %s", strings.Join(of, " ")))
}

// Acknowledge records that the outstanding rejects of a class, of a source, or all
// are accepted, as far as runs have recorded them until now; without a class the
// sources that could not be read, too. They stay in every
// answer's caveats as acknowledged, and don't change its exit code any more.
func Acknowledge(ctx context.Context, s store.Store, a Acknowledgement) (*Acknowledged, error) {
	a.Reason = strings.TrimSpace(a.Reason)
	if a.Reason == "" {
		return nil, ErrNoReason
	}
	d, runs, err := state.Open(ctx, s, state.Everything)
	if err != nil {
		return nil, err
	}
	notes, err := state.LoadNotes(ctx, s, &d)
	if err != nil {
		return nil, err
	}
	through := 0
	for i := range runs {
		if runs[i].Committed() {
			through = runs[i].Number
		}
	}
	done := &Acknowledged{Dataset: s.URI("."), At: time.Now().UTC(),
		Acknowledgement: state.Acknowledgement{Reason: a.Reason, Class: a.Class, URI: a.URI, Through: through}}
	outstanding, err := state.LoadOutstanding(ctx, s, runs)
	if err != nil {
		return nil, err
	}
	matched := false
	err = outstanding.Each(ctx, func(run *state.RunState, r *state.Reject) error {
		covers := done.Covers(run.Number, r)
		matched = matched || covers
		switch {
		case notes.Acknowledges(run.Number, r):
		case covers:
			done.Rejects++
		default:
			done.Left++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	unread, err := state.LoadUnread(ctx, s, runs)
	if err != nil {
		return nil, err
	}
	for i := range unread {
		covers := done.CoversUnread(&unread[i])
		matched = matched || covers
		switch {
		case slices.ContainsFunc(notes.Acknowledged, func(a state.Acknowledgement) bool { return a.CoversUnread(&unread[i]) }):
		case covers:
			done.Unread++
		default:
			done.UnreadLeft++
		}
	}
	if !matched {
		return nil, &NoRejectsError{string(a.Class), a.URI}
	}
	if done.Rejects+done.Unread == 0 {
		return done, nil // they all are acknowledged already
	}
	if err := state.Fence(ctx, s, &d); err != nil {
		return nil, err
	}
	return done, state.PutNote(ctx, s, &state.Note{Dataset: d.ID, At: done.At, Acknowledged: &done.Acknowledgement})
}
