package query

import (
	"context"

	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/pkg/schema"
)

// AddResults adds discovery results. What can't be read or decoded is left out:
// the account has it. The options' workers are the summary's, and occurrences
// are never decoded.
func (s *Summary) AddResults(ctx context.Context, o raw.Options) (*raw.Account, error) {
	o.Workers, o.SkipOccurrences = s.o.Workers, true
	// All parts in work together may take a quarter of what the summary may.
	memory := s.o.Memory / 4 / int64(s.o.Workers)
	return raw.Parts(ctx, o, func() raw.Part {
		return &part{s: s, taker: s.newTaker(), kept: s.newKeeper(memory, false)}
	})
}

// part is what is kept of a part of the results until it is through.
type part struct {
	s     *Summary
	taker *taker
	kept  *keeper
}

// Take implements raw.Part.
func (p *part) Take(b *schema.Batch) error { return p.taker.take(b, p.kept) }

// Done implements raw.Part.
func (p *part) Done() error { return p.s.kept.merge(p.kept) }

// Drop implements raw.Part.
func (p *part) Drop() { p.kept.close() }
