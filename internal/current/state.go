package current

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"math"
	"time"

	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/spill"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Options say what a state is made of.
type Options struct {
	// Columns are the values that are wanted of subjects.
	Columns []Column
	// Findings says that findings are wanted; without them every subject has none.
	Findings bool
	// Severity says that severities of subjects are wanted; without them a subject
	// may have none.
	Severity bool
	// Exposure says that it is wanted how exposed subjects are; without it nothing
	// may be known of that.
	Exposure bool
	// All makes a subject of every result, in place of states.
	All bool
	// Members gives states of members, too; those of their archives are the same
	// without.
	Members bool
	// Origins says that it is wanted who produced the results.
	Origins bool
	// Months gives the state of each subject at the end of each month, from the
	// month of its first result on.
	Months bool
	// Since, if not nil, reports whether a run of a dataset existed before. It gives
	// the state of each object that had results then as it was Before, with those
	// of its members, and then the state of each as it is After.
	Since func(run string) bool
	// Keep, if not nil, reports whether an object is wanted. Results about others
	// say what they know of buckets and origins alone.
	Keep func(bucket, key []byte) bool
	// Until, if not null, is the time as of which the state is: later results
	// don't exist.
	Until where.Value
	// Through, if not nil, reports whether a run of a dataset exists.
	Through func(run string) bool
	// Late, if not nil, reports whether a run of a dataset began after Until.
	Late func(run string) bool
	// Config, if not nil, says which identifiers are one, which jobs replace others,
	// and how severe types are.
	Config *config.Config
	// Memory is about how many bytes may be held in memory; 0 is
	// DefaultMemory.
	Memory int64
	// Workers is how many cores are used; 0 is one.
	Workers int
}

// DefaultMemory is the memory that is used where none is given.
const DefaultMemory = 128 << 20

// State takes results and gives subjects. Its methods are called one after the
// other.
type State struct {
	o    Options
	seed maphash.Seed
	kept *keeper
	// asked, if not nil, is told when an origin is asked what it looked for.
	asked func(at int64)
}

// New returns a state of nothing yet. The caller closes it.
func New(o Options) *State {
	o.Workers = max(o.Workers, 1)
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	s := &State{o: o, seed: maphash.MakeSeed()}
	s.kept = s.newKeeper(o.Memory)
	return s
}

// Close drops what the state holds, its temporary files included.
func (s *State) Close() { s.kept.close() }

// keeper keeps results. One goroutine at a time uses it.
type keeper struct {
	records *spill.Sorter
	buckets *buckets
	known   *known
	origins *origins
	late    int64
	first   int32 // the first and the last point of which there are results, but noPoint
	last    int32
}

func (s *State) newKeeper(memory int64) *keeper {
	columns := 0
	for _, c := range s.o.Columns {
		if c.From == FromBucket {
			columns++
		}
	}
	return &keeper{
		records: spill.NewSorter(memory / 8 * 7), buckets: newBuckets(s.seed, columns, memory/8),
		known: newKnown(), origins: newOrigins(), first: math.MaxInt32, last: noPoint,
	}
}

func (k *keeper) close() {
	k.records.Close()
	k.buckets.close()
}

// merge takes over what o keeps. It closes o.
func (k *keeper) merge(o *keeper) error {
	defer o.close()
	k.first, k.last = min(k.first, o.first), max(k.last, o.last)
	k.late += o.late
	k.known.merge(o.known)
	k.origins.merge(o.origins)
	return errors.Join(k.records.Absorb(o.records), k.buckets.merge(o.buckets))
}

// MonthOf returns the number of the month of a time in microseconds since 1970.
func MonthOf(at int64) int32 {
	t := time.UnixMicro(at).UTC()
	return int32(t.Year()*12 + int(t.Month()) - 1)
}

// MonthName returns a month as 2026-11.
func MonthName(month int32) string {
	return time.Date(int(month)/12, time.Month(month%12+1), 1, 0, 0, 0, 0, time.UTC).Format("2006-01")
}

// Points of Options.Since.
const (
	Before int32 = iota
	After
)

// points reports whether states of several points are asked for.
func (o *Options) points() bool { return o.Months || o.Since != nil }

// pointOf returns the point from which on a result exists; later says of one in a
// dataset that it didn't exist before.
func (o *Options) pointOf(created where.Value, later bool) int32 {
	switch {
	case o.Since != nil && later:
		return After
	case o.Since != nil:
		return Before
	case !o.Months || created.Null():
		return noPoint
	}
	return MonthOf(created.Int())
}

// taker takes the results of batches for a keeper. One goroutine at a time uses it.
type taker struct {
	s      *State
	enc    *encoder
	origin []byte
}

func (s *State) newTaker() *taker { return &taker{s: s, enc: newEncoder(&s.o, s.seed)} }

// take gives the results of a batch to a keeper.
func (t *taker) take(b *schema.Batch, k *keeper) error {
	o := &t.s.o
	var hint hinted
	t.enc.source = nil // the batch may be another in the same place
	for i := range b.Results {
		r := &b.Results[i]
		created := intOf(r, schema.CreatedAt)
		if !o.Until.Null() && !created.Null() && created.Int() > o.Until.Int() {
			continue
		}
		if o.Late != nil && !r.Text[schema.RunID].Null() && o.Late(string(b.Text(r.Text[schema.RunID]))) {
			k.late++
		}
		member := isMember(r)
		if o.All && member && !o.Members {
			continue
		}
		analysis, partial := isAnalysis(b, r)
		section := byte(ownSection)
		if member {
			section = memberSection
		}
		t.enc.sourceOf(b, r)
		t.enc.keyOf(b, r, section, analysis)
		t.enc.identify(b, r)
		point := o.pointOf(created, t.enc.later)
		if point != noPoint {
			k.first, k.last = min(k.first, point), max(k.last, point)
		}
		if o.Origins {
			k.origins.add(b, r, t.enc.administrator, created)
		}
		if !o.All {
			if err := k.buckets.add(t.enc, b, r, point); err != nil {
				return err
			}
			if analysis {
				t.report(b, r, k, created, point)
			}
		}
		if o.Keep != nil && !o.Keep(b.Text(r.Text[schema.BucketName]), b.Text(r.Text[schema.ObjectKey])) {
			continue
		}
		if member && !o.All {
			if err := hint.next(t, k, b, r, analysis); err != nil {
				return err
			}
		}
		t.enc.recordOf(b, r, analysis, partial, member && !o.Members)
		if err := k.records.Add(t.enc.prefix(), t.enc.key, t.enc.record); err != nil {
			return err
		}
	}
	return hint.flush(t, k, b)
}

// report notes what a result's origin is known to look for.
func (t *taker) report(b *schema.Batch, r *schema.Result, k *keeper, created where.Value, point int32) {
	if created.Null() || r.Detections.Len() == 0 {
		return
	}
	t.origin = originOf(t.origin[:0], b, r, t.enc.administrator)
	origin := k.known.originAt(t.origin)
	for i := range t.enc.ends {
		k.known.set(report{origin, number(k.known.identifiers, t.enc.identity(i)), point}, created.Int())
	}
}

// hinted are results of members that may stand for their archive: of results of
// one archive that follow each other the newest, and the newest analysis.
type hinted struct {
	object []byte // nil where there is none
	point  int32
	any    hint
	done   hint
}

type hint struct {
	order []byte // nil where there is none
	r     schema.Result
}

func (h *hint) set(order []byte, r *schema.Result) {
	if h.order == nil || bytes.Compare(order, h.order) < 0 {
		h.order, h.r = append(h.order[:0], order...), *r
	}
}

// next takes the result of a member whose key the encoder has.
func (h *hinted) next(t *taker, k *keeper, b *schema.Batch, r *schema.Result, analysis bool) error {
	e := t.enc
	point := t.s.o.pointOf(intOf(r, schema.CreatedAt), e.later)
	if h.object == nil || !bytes.Equal(h.object, e.key[:e.lens[1]]) || h.point != point {
		key, lens := bytes.Clone(e.key), e.lens
		if err := h.flush(t, k, b); err != nil {
			return err
		}
		e.sourceOf(b, r)
		e.identify(b, r)
		e.key, e.lens, e.order = append(e.key[:0], key...), lens, lens[2]
		*h = hinted{object: key[:lens[1]], point: point}
	}
	h.any.set(e.key[e.order:], r)
	if analysis {
		h.done.set(e.key[e.order:], r)
	}
	return nil
}

// flush keeps the results, as ones of the archive.
func (h *hinted) flush(t *taker, k *keeper, b *schema.Batch) error {
	for _, of := range [...]*hint{&h.any, &h.done} {
		if of.order == nil || of == &h.done && bytes.Equal(of.order, h.any.order) {
			continue
		}
		r := of.r
		r.BoolVal &^= 1 << schema.IsArchiveMember
		r.Text[schema.ArchiveMemberPath] = schema.Span{}
		r.Detections = schema.Range{}
		analysis, partial := isAnalysis(b, &r)
		t.enc.sourceOf(b, &r)
		t.enc.keyOf(b, &r, hintSection, analysis)
		t.enc.identify(b, &r)
		t.enc.recordOf(b, &r, analysis, partial, false)
		if err := k.records.Add(t.enc.prefix(), t.enc.key, t.enc.record); err != nil {
			return err
		}
	}
	h.object = nil
	return nil
}

// AddResults adds discovery results, except lines and sources that can't be read or
// decoded: the tally counts them. The state's Workers replace those of the options.
func (s *State) AddResults(ctx context.Context, o raw.Options) (*raw.Tally, error) {
	o.Workers, o.SkipOccurrences = s.o.Workers, true
	// All parts in work together may take a quarter of what the state may.
	memory := s.o.Memory / 4 / int64(s.o.Workers)
	return raw.Parts(ctx, o, func() raw.Part {
		return &part{s: s, taker: s.newTaker(), kept: s.newKeeper(memory)}
	})
}

// part is what is kept of a part of the results until it is through.
type part struct {
	s     *State
	taker *taker
	kept  *keeper
}

// Take implements raw.Part.
func (p *part) Take(b *schema.Batch) error { return p.taker.take(b, p.kept) }

// Done implements raw.Part.
func (p *part) Done() error { return p.s.kept.merge(p.kept) }

// Drop implements raw.Part.
func (p *part) Drop() { p.kept.close() }

// Late returns how many results that were added are of late runs.
func (s *State) Late() int64 { return s.kept.late }

// AddBatch adds the results of a decoded batch.
func (s *State) AddBatch(b *schema.Batch) error { return s.newTaker().take(b, s.kept) }

// maxMonths is how many months a state of each may be asked for: a result that
// claims to be from the year 9999 must not take forever.
const maxMonths = 1200

// ErrMonths says that results span too many months to give a state of each.
var ErrMonths = errors.New("the results span more than 100 years: a time in them is wrong; leave it out with an as-of time")

// CheckMonths returns ErrMonths where there are too many.
func (s *State) CheckMonths() error {
	if s.o.Months && s.kept.last >= s.kept.first && int64(s.kept.last)-int64(s.kept.first) >= maxMonths {
		return ErrMonths
	}
	return nil
}

// errStopped ends a reading that wants no more.
var errStopped = errors.New("stopped")

// Each calls emit for every subject, the members of an archive before it, in no
// other order.
func (s *State) Each(ctx context.Context, emit func(*Subject) error) error {
	x := &object{emit: emit}
	x.init(&s.o, s.kept.records.InMemory())
	var seen repeats
	if s.o.All {
		return s.kept.records.Each(ctx, func(_ uint64, key, record []byte) error {
			h := takeHead(key, record)
			if seen.is(key, &h) {
				return nil
			}
			return x.single(key, &h, record)
		})
	}
	facts, err := s.kept.buckets.lookup(ctx)
	if err != nil {
		return err
	}
	defer facts.stop()
	w := &walk{s: s, x: x, facts: facts}
	x.looked = w.looked
	err = s.kept.records.Each(ctx, func(prefix uint64, key, record []byte) error {
		h := takeHead(key, record)
		if seen.is(key, &h) {
			return nil
		}
		return w.add(prefix, key, &h, record)
	})
	if err == nil {
		err = w.end()
	}
	return err
}

// walk goes through the records, an object at a time.
type walk struct {
	s     *State
	x     *object
	facts *lookup
	upTo  int32 // the point as of which the object's state is

	// Where states of several points are asked for, the object's records.
	object []byte
	bucket int
	prefix uint64
	first  int32 // point of the first result
	kept   recorded
}

func (w *walk) add(prefix uint64, key []byte, h *head, record []byte) error {
	if w.s.o.points() {
		if w.object == nil || !bytes.Equal(w.object, key[:h.object]) {
			if err := w.eachPoint(); err != nil {
				return err
			}
			w.object = append(w.object[:0], key[:h.object]...)
			w.bucket, w.prefix = h.bucket, prefix
			w.first = w.last()
		}
		w.first = min(w.first, w.s.o.pointOf(h.created, h.later()))
		w.kept.add(key, record)
		return nil
	}
	if !w.x.begun || !bytes.Equal(w.x.key, key[:h.object]) {
		if err := w.x.end(); err != nil {
			return err
		}
		if err := w.begin(prefix, key[:h.object], h.bucket, noPoint); err != nil {
			return err
		}
	}
	return w.x.add(key, h, record)
}

func (w *walk) begin(prefix uint64, object []byte, bucket int, upTo int32) error {
	facts, err := w.facts.bucket(prefix>>32, object[:bucket], upTo)
	if err != nil {
		return err
	}
	w.x.begin(object, facts)
	w.upTo = upTo
	return nil
}

// looked reports whether an origin is known to have looked for an identifier at
// a time.
func (w *walk) looked(origin, identifier []byte, at int64) bool {
	if w.s.asked != nil {
		w.s.asked(at)
	}
	return w.s.kept.known.looked(origin, identifier, at, w.s.o.pointOf(where.IntValue(at), false), w.upTo)
}

func (w *walk) end() error {
	if w.s.o.points() {
		return w.eachPoint()
	}
	return w.x.end()
}

// last returns the last point that states are asked for of.
func (w *walk) last() int32 {
	if w.s.o.Since != nil {
		return After
	}
	return w.s.kept.last
}

// eachPoint makes the object's states as of each point.
func (w *walk) eachPoint() error {
	if w.object == nil {
		return nil
	}
	emit := w.x.emit
	defer func() {
		w.x.emit = emit
		w.kept.reset()
	}()
	last := w.last()
	for point := max(w.first, w.s.kept.first); point <= last; point++ {
		w.x.emit = func(s *Subject) error {
			s.Point = point
			return emit(s)
		}
		begun := false
		err := w.kept.each(func(key, record []byte) error {
			h := takeHead(key, record)
			if w.s.o.pointOf(h.created, h.later()) > point {
				return nil
			}
			if !begun {
				begun = true
				if err := w.begin(w.prefix, w.object, w.bucket, point); err != nil {
					return err
				}
			}
			return w.x.add(key, &h, record)
		})
		if err == nil {
			err = w.x.end()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
