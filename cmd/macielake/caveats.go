package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/text"
)

// datasetCaveats are what limits an answer from a dataset.
type datasetCaveats struct {
	Dataset string `json:"dataset"`
	*state.Caveats
}

// caveats says on standard error, in a line per dataset, what limits every answer
// from it, adds it to the document, and returns the outcome for the exit code: what
// was accepted or acknowledged is printed, but does not change the outcome.
func (in *inputs) caveats(ctx context.Context, s *session) error {
	code := exitOK
	for i, l := range in.datasets {
		c, err := l.Caveats(ctx)
		if err != nil {
			return fmt.Errorf("what limits answers from %s: %w", in.stores[i].URI("."), err)
		}
		words := caveatWords(c)
		if words == "" {
			continue
		}
		in.limited = true
		s.caveat(datasetCaveats{in.stores[i].URI("."), c})
		fmt.Fprintf(s.stderr, "note: %s: %s\n", text.Printable(in.stores[i].URI(".")), text.Printable(words))
		switch {
		case len(c.OpenRuns) > 0 || c.Changed > 0 || c.Unread > c.AcknowledgedUnread:
			code = exitUnreadable
		case c.Rejects > c.Acknowledged && code == exitOK:
			code = exitRejects
		}
	}
	if code == exitOK {
		return nil
	}
	return &outcome{code}
}

// caveatWords is a line about what limits answers; empty where nothing does.
func caveatWords(c *state.Caveats) string {
	var parts []string
	add := func(n int64, thing, more string) {
		if n > 0 {
			parts = append(parts, text.Plural(n, thing)+more)
		}
	}
	acknowledged := func(n int64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprintf(" (%s acknowledged)", text.Count(n))
	}
	add(c.Rejects, "reject", acknowledged(c.Acknowledged))
	add(c.Unread, "unread source", acknowledged(c.AcknowledgedUnread))
	add(c.Changed, "changed source", "")
	add(c.Accepted, "accepted change", "")
	if len(c.OpenRuns) > 0 {
		add(int64(len(c.OpenRuns)), "open run", " ("+strings.Join(c.OpenRuns, ", ")+")")
	}
	return strings.Join(parts, ", ")
}

// isOutcome reports whether an error is an outcome: the command did its job, though
// not for all of its input.
func isOutcome(err error) bool {
	o := (*outcome)(nil)
	return errors.As(err, &o)
}

// worse returns the outcome that wins: 4 over 3, both over none.
func worse(a, b error) error {
	x, y := (*outcome)(nil), (*outcome)(nil)
	if !errors.As(a, &x) {
		return b
	}
	if errors.As(b, &y) && y.code > x.code {
		return b
	}
	return a
}
