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
)

// OutstandingReject is a reject of a dataset that no later run has converted, or, of
// class state.UnreadClass, a source that no run could read.
type OutstandingReject struct {
	Run          string `json:"run"` // run_id of the run that recorded it
	Acknowledged bool   `json:"acknowledged"`
	*state.Reject
}

// EachReject calls each for the outstanding rejects of a dataset that of would cover,
// by run and part, and then for such unread sources. Files of rejects must have the bytes that the end records name.
func EachReject(ctx context.Context, s store.Store, of state.Acknowledgement, each func(*OutstandingReject) error) error {
	d, runs, err := state.Open(ctx, s, state.Everything)
	if err != nil {
		return err
	}
	notes, err := state.LoadNotes(ctx, s, &d)
	if err != nil {
		return err
	}
	return eachOutstanding(ctx, s, runs, func(run *state.RunState, r *state.Reject) error {
		if !of.Covers(run.Number, r.Class, r.URI) {
			return nil
		}
		return each(&OutstandingReject{Run: run.RunID, Acknowledged: notes.Acknowledges(run.Number, r.Class, r.URI), Reject: r})
	})
}

// eachOutstanding calls each for the outstanding rejects of runs, by run and part, and
// then for the unread sources, by URI.
func eachOutstanding(ctx context.Context, s store.Store, runs []state.RunState, each func(run *state.RunState, r *state.Reject) error) error {
	outstanding, err := state.LoadOutstanding(ctx, s, runs)
	if err == nil {
		err = outstanding.Each(ctx, each)
	}
	if err != nil {
		return err
	}
	unread, err := state.LoadUnread(ctx, s, runs)
	for i := 0; i < len(unread) && err == nil; i++ {
		u := &unread[i]
		run := slices.IndexFunc(runs, func(r state.RunState) bool { return r.Number == u.Run })
		err = each(&runs[run], &state.Reject{URI: u.URI, Class: state.UnreadClass})
	}
	return err
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
// are accepted, as far as runs have recorded them until now; sources that could not
// be read are of the class state.UnreadClass. They stay in every answer's caveats as
// acknowledged, and don't change its exit code any more.
func Acknowledge(ctx context.Context, s store.Store, a state.Acknowledgement) (*Acknowledged, error) {
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
	a.Through = 0
	for i := range runs {
		if runs[i].Committed() {
			a.Through = runs[i].Number
		}
	}
	done := &Acknowledged{Dataset: s.URI("."), At: time.Now().UTC(), Acknowledgement: a}
	matched := false
	err = eachOutstanding(ctx, s, runs, func(run *state.RunState, r *state.Reject) error {
		accepted, left := &done.Rejects, &done.Left
		if r.Class == state.UnreadClass {
			accepted, left = &done.Unread, &done.UnreadLeft
		}
		covers := a.Covers(run.Number, r.Class, r.URI)
		matched = matched || covers
		switch {
		case notes.Acknowledges(run.Number, r.Class, r.URI):
		case covers:
			*accepted++
		default:
			*left++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !matched {
		return nil, &NoRejectsError{string(a.Class), strings.Join(a.URIs, ", ")}
	}
	if done.Rejects+done.Unread == 0 {
		return done, nil // they all are acknowledged already
	}
	if err := state.Fence(ctx, s, &d); err != nil {
		return nil, err
	}
	return done, state.PutNote(ctx, s, &state.Note{Dataset: d.ID, At: done.At, Acknowledged: &done.Acknowledgement})
}
