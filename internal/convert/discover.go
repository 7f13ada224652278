package convert

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/macielake/macielake/internal/coord"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/run"
	"github.com/macielake/macielake/internal/state"
)

// discovery is what the listing of the inputs finds.
type discovery struct {
	notes    *state.Notes // without any as long as there is no dataset
	note     state.Note   // what is new
	origins  map[place]*state.LookedAt
	inWork   []input.Source            // that runs which haven't ended have
	copies   []input.Source            // the first of those that were left out
	seen     map[[12]byte]int64        // sizes of the new sources, by the hash of their CopyID
	rejected map[string]rejectedSource // sources with rejects, by CopyID; nil until a copy is found
	inPlace  []input.Source            // copies of those
	created  bool                      // another converter has just made the dataset
}

// place is an administrator and a Region.
type place struct{ administrator, region string }

// rejectedSource is a source with rejects that may be read from a copy.
type rejectedSource struct {
	uri string
	*state.RejectedSource
}

// find calls each for the sources of the inputs.
func (c *converter) find(ctx context.Context, each func(input.Source) error) error {
	l := input.Listing{Output: c.output, Log: c.o.Log}
	c.found.origins = map[place]*state.LookedAt{}
	err := input.Find(ctx, c.o.Origins, c.o.Inputs, &l, func(s input.Source) error {
		c.summary.Sources.Listed++
		if isS3(s.URI) {
			c.listedInS3++
		}
		at := c.found.origins[place{s.AdminAccountID, s.Region}]
		if at == nil {
			at = &state.LookedAt{Administrator: s.AdminAccountID, Region: s.Region}
			c.found.origins[place{s.AdminAccountID, s.Region}] = at
		}
		at.Sources++
		if modified := time.UnixMicro(s.LastModified).UTC(); modified.After(at.Newest) {
			at.Newest = modified
		}
		return each(s)
	})
	c.summary.Sources.Skipped = l.Skipped
	return err
}

// eachNew calls each for the sources of the inputs that no run has claimed, and
// counts the others.
func (c *converter) eachNew(ctx context.Context, each func(input.Source) error) error {
	var changed []input.Source
	settle := func() error {
		collided, err := c.confirm(ctx, changed)
		changed = changed[:0]
		for i := 0; i < len(collided) && err == nil; i++ {
			err = each(collided[i])
		}
		return err
	}
	c.found.seen = map[[12]byte]int64{}
	err := c.find(ctx, func(s input.Source) error {
		switch c.look(&s) {
		case coord.Claimed:
			c.summary.Sources.AlreadyConverted++
			c.restored(&s)
		case coord.InWork:
			c.wait(s)
		case coord.Other:
			if changed = append(changed, s); len(changed) == maxCandidates {
				return settle()
			}
		case coord.Free:
			return each(s)
		case isCopy:
			return c.addCopy(ctx, s)
		}
		return nil
	})
	if err == nil {
		err = settle()
	}
	if err == nil {
		err = c.nameCopies(ctx)
	}
	return err
}

// maxCandidates is how many sources are looked up in the plans at a time.
const maxCandidates = 100_000

// isCopy is what look says of a source that is claimed under another URI.
const isCopy coord.Claim = 255

// look says what is known of a source: under its URI, or else under that of a
// copy.
func (c *converter) look(s *input.Source) coord.Claim {
	if c.ledger != nil {
		if claim := c.ledger.Look(s.URI, s.ETag); claim != coord.Free {
			return claim
		}
	}
	id := coord.CopyID(s.URI)
	if id == "" || c.o.AllowCopies || s.Size < 0 {
		return coord.Free
	}
	if c.ledger != nil {
		switch claim := c.ledger.LookCopy(id, s.Size); claim {
		case coord.Claimed:
			return isCopy
		case coord.InWork, coord.Other:
			return claim
		}
	}
	name := coord.CopyHash(id)
	if size, again := c.found.seen[name]; again && size == s.Size {
		return isCopy
	}
	c.found.seen[name] = s.Size
	return coord.Free
}

func (c *converter) wait(s input.Source) {
	c.summary.Sources.InWork++
	if !c.o.NoWait {
		c.found.inWork = append(c.found.inWork, s)
	}
}

// addCopy leaves out a copy, unless the source that it is a copy of has rejects:
// then it is read in its place.
func (c *converter) addCopy(ctx context.Context, s input.Source) error {
	if c.found.rejected == nil && c.dataset != nil {
		rejects, err := c.outstanding(ctx)
		if err != nil {
			return err
		}
		c.found.rejected = map[string]rejectedSource{}
		for uri, r := range rejects.All() {
			if id := coord.CopyID(uri); id != "" {
				c.found.rejected[id] = rejectedSource{uri, r}
			}
		}
	}
	if _, ok := c.found.rejected[coord.CopyID(s.URI)]; ok {
		c.found.inPlace = append(c.found.inPlace, s)
		return nil
	}
	c.summary.Sources.Copies++
	if len(c.found.copies) < maxListed {
		c.found.copies = append(c.found.copies, s)
	}
	return nil
}

// convertInPlace reads copies in the place of sources with rejects.
func (c *converter) convertInPlace(ctx context.Context) error {
	retry := map[string]run.Retry{}
	for _, s := range c.found.inPlace {
		of := c.found.rejected[coord.CopyID(s.URI)]
		retry[s.URI] = run.Retry{InsteadOf: of.uri, Lines: of.Lines}
		if of.Whole {
			retry[s.URI] = run.Retry{InsteadOf: of.uri}
		}
	}
	return c.convertAgain(ctx, c.found.inPlace, retry)
}

// convertAgain converts in runs of their own what earlier runs rejected.
func (c *converter) convertAgain(ctx context.Context, sources []input.Source, retry map[string]run.Retry) error {
	for batch := range slices.Chunk(sources, c.o.MaxSources) {
		if err := c.convert(ctx, batch, retry); err != nil {
			return err
		}
	}
	return nil
}

// original is what the plans say of a source, under its own URI or a copy's.
type original struct {
	uri, etag string
	size      int64
}

// originals looks up which sources the runs have under the URIs of some, or as
// copies of them. It stops once enough says so.
func (c *converter) originals(ctx context.Context, of []input.Source, enough func(found int) bool) (map[string][]original, error) {
	names := map[string]bool{}
	for i := range of {
		names[of[i].URI] = true
		if id := coord.CopyID(of[i].URI); id != "" {
			names[id] = true
		}
	}
	found := map[string][]original{}
	for i := range c.runs {
		r, err := state.ReadRun(ctx, c.store, c.dataset, &c.runs[i])
		if err != nil {
			return nil, err
		}
		if !r.Open() && !r.Committed() {
			continue
		}
		err = state.EachSource(ctx, c.store, &r, func(p *state.PlannedSource, o *state.Outcome, _ *state.Receipt) error {
			if o != nil && o.State == state.Unreadable {
				return nil
			}
			for _, name := range []string{p.URI, coord.CopyID(p.URI)} {
				if names[name] {
					found[name] = append(found[name], original{p.URI, p.ETag, p.Size})
				}
			}
			if enough(len(found)) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil || enough(len(found)) {
			return found, err
		}
	}
	return found, nil
}

// confirm counts the candidates that were converted in another version, which
// are left out. It returns those that only share a hash with another source.
func (c *converter) confirm(ctx context.Context, all []input.Source) (collided []input.Source, err error) {
	var unknown []input.Source
	for i := range all {
		s := &all[i]
		v := version(s)
		if known, ok := c.found.notes.Changed[s.URI]; ok && same(known, v) {
			c.addChanged(known, false)
		} else if known, ok := c.found.notes.Accepted[s.URI]; ok && same(known, v) {
			c.summary.Sources.AcceptedChanged++
		} else {
			unknown = append(unknown, *s)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	found, err := c.originals(ctx, unknown, func(int) bool { return false })
	if err != nil {
		return nil, err
	}
	for _, s := range unknown {
		own, copies := found[s.URI], []original(nil)
		if id := coord.CopyID(s.URI); id != "" && !c.o.AllowCopies {
			copies = found[id]
		}
		switch v := version(&s); {
		case slices.ContainsFunc(own, func(o original) bool { return o.etag == s.ETag }):
			c.summary.Sources.AlreadyConverted++
		case len(own) > 0:
			c.addChanged(v, true)
		case slices.ContainsFunc(copies, func(o original) bool { return o.size == s.Size }):
			if err := c.addCopy(ctx, s); err != nil {
				return nil, err
			}
		case len(copies) > 0:
			v.Original = copies[0].uri
			c.addChanged(v, true)
		default:
			collided = append(collided, s)
		}
	}
	return collided, nil
}

func version(s *input.Source) state.Version {
	return state.Version{URI: s.URI, ETag: s.ETag, Size: s.Size}
}

func same(a, b state.Version) bool { return a.ETag == b.ETag && a.Size == b.Size }

func (c *converter) addChanged(v state.Version, isNew bool) {
	if c.o.AcceptChanged {
		c.summary.Sources.AcceptedChanged++
		c.found.note.Accepted = append(c.found.note.Accepted, v)
		return
	}
	c.summary.Sources.Changed++
	addListed(&c.summary.Changed, v.URI)
	if isNew {
		c.found.note.Changed = append(c.found.note.Changed, v)
		c.o.Log.Info("left out a source that changed after it was converted", "uri", v.URI)
	}
}

// restored notes that a changed source has the converted version again.
func (c *converter) restored(s *input.Source) {
	if _, ok := c.found.notes.Changed[s.URI]; ok {
		c.found.note.Restored = append(c.found.note.Restored, version(s))
	}
}

func (c *converter) nameCopies(ctx context.Context) error {
	if len(c.found.copies) == 0 {
		return nil
	}
	found := map[string][]original{}
	if c.dataset != nil {
		var err error
		if found, err = c.originals(ctx, c.found.copies, func(n int) bool { return n >= len(c.found.copies) }); err != nil {
			return err
		}
	}
	for i := range c.found.copies {
		id := coord.CopyID(c.found.copies[i].URI)
		from := "another of the inputs"
		if of := found[id]; len(of) > 0 {
			from = strings.TrimSuffix(of[0].uri, id)
		}
		addListed(&c.summary.CopiesOf, from)
	}
	return nil
}

// outstanding reads which rejects no run has tried again.
func (c *converter) outstanding(ctx context.Context) (*state.Outstanding, error) {
	runs, err := state.ReadRuns(ctx, c.store, c.dataset, c.runs)
	if err != nil {
		return nil, err
	}
	return state.LoadOutstanding(ctx, c.store, runs)
}

func (c *converter) retry(ctx context.Context) error {
	var again []input.Source
	retry := map[string]run.Retry{}
	err := c.eachRejected(ctx, func(s input.Source, what run.Retry) error {
		again = append(again, s)
		retry[s.URI] = what
		return nil
	})
	if err != nil {
		return err
	}
	return c.convertAgain(ctx, again, retry)
}

// eachRejected calls each for the sources of the inputs that have rejects. One
// with rejected lines that has changed since is counted.
func (c *converter) eachRejected(ctx context.Context, each func(input.Source, run.Retry) error) error {
	if c.dataset == nil {
		return c.find(ctx, func(input.Source) error { return nil })
	}
	rejects, err := c.outstanding(ctx)
	if err != nil {
		return err
	}
	return c.find(ctx, func(s input.Source) error {
		r := rejects.Source(s.URI)
		switch {
		case r == nil:
			return nil
		case r.Whole:
			return each(s, run.Retry{})
		case r.Version != s.ETag:
			c.addChanged(version(&s), true)
			return nil
		}
		return each(s, run.Retry{Lines: r.Lines})
	})
}

// stillRejected returns the sources of which nobody has tried again what is to be
// tried.
func (c *converter) stillRejected(ctx context.Context, sources []input.Source, retry map[string]run.Retry) ([]input.Source, error) {
	rejects, err := c.outstanding(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(sources, func(s input.Source) bool {
		uri := s.URI
		if retry[uri].InsteadOf != "" {
			uri = retry[uri].InsteadOf
		}
		r := rejects.Source(uri)
		return r == nil || !r.Whole && !slices.Equal(r.Lines, retry[s.URI].Lines)
	}), nil
}

// unclaimed returns the sources that no run has claimed, and counts the others.
func (c *converter) unclaimed(sources []input.Source) []input.Source {
	var left []input.Source
	for i := range sources {
		s := &sources[i]
		claim := c.ledger.Look(s.URI, s.ETag)
		if id := coord.CopyID(s.URI); claim == coord.Free && id != "" && !c.o.AllowCopies {
			claim = c.ledger.LookCopy(id, s.Size)
		}
		switch claim {
		case coord.Free:
			left = append(left, *s)
		case coord.InWork:
			c.wait(*s)
		default:
			c.summary.Sources.AlreadyConverted++
		}
	}
	return left
}

// note writes down that the converter has looked, and which sources have changed.
func (c *converter) note(ctx context.Context) error {
	at := time.Now().UTC()
	n := &c.found.note
	if len(n.Changed)+len(n.Accepted)+len(n.Restored) > 0 {
		n.Dataset, n.At = c.dataset.ID, at
		if err := state.PutNote(ctx, c.store, n); err != nil {
			return err
		}
	}
	o := &c.summary.Sources
	l := state.Look{
		Dataset: c.dataset.ID, StartedAt: c.started.UTC(), EndedAt: at, Version: c.o.Version, Inputs: c.o.Inputs,
		Listed: o.Listed, New: o.New, Changed: o.Changed, Remaining: o.InWork + o.Unreadable - o.AcceptedUnreadable,
		Origins: []state.LookedAt{},
	}
	if c.o.PlanOnly {
		l.Remaining += o.New + o.Retried
	}
	for _, p := range slices.SortedFunc(maps.Keys(c.found.origins), func(a, b place) int {
		return strings.Compare(a.administrator+"/"+a.region, b.administrator+"/"+b.region)
	}) {
		l.Origins = append(l.Origins, *c.found.origins[p])
	}
	return state.PutLook(ctx, c.store, &l)
}
