package dataset

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/macielake/macielake/internal/store"
)

// Ledger knows which sources runs have claimed: 16 bytes for each, of which 12
// are a hash of its URI and 4 one of its version. It is safe for concurrent
// reading.
//
// Its segments are kept as files, which cover one ended run or several that
// follow each other. They are a cache: what is missing, damaged or doesn't fit
// the runs that are there is made again from the runs. A segment is never
// changed; when one is added, those before it that aren't much larger are merged
// into it, so that there are few.
type Ledger struct {
	store    store.Store
	dataset  *Dataset
	log      *slog.Logger
	segments []*segment // by their runs
	open     []*segment // of runs that haven't ended; they aren't kept
}

// segment is a part of a ledger.
type segment struct {
	header  segmentHeader
	entries []byte // sorted
	index   []uint32
	kept    bool // there is a file of it
}

// segmentHeader says what a segment is of.
type segmentHeader struct {
	Format  int          `json:"format"`
	Dataset string       `json:"dataset"` // its ID
	Runs    []segmentRun `json:"runs"`
	Entries int64        `json:"entries"`
}

// segmentRun is a run that a segment covers, with the sizes of its files.
type segmentRun struct {
	N       int   `json:"n"`
	Size    int64 `json:"size"`
	EndSize int64 `json:"end_size"`
}

const (
	entrySize = 16
	uriSize   = 12 // bytes of an entry that are of the URI
	// ledgerMagic begins a segment's file; the length of the header follows
	// in 4 bytes, the header as JSON, the entries, and the SHA-256 of all of it.
	ledgerMagic = "macielake ledger 1\n"
)

// entry is what a ledger has of a source.
func entry(uri, version string) [entrySize]byte {
	var e [entrySize]byte
	sum := sha256.Sum256([]byte(uri))
	copy(e[:uriSize], sum[:])
	sum = sha256.Sum256([]byte(version))
	copy(e[uriSize:], sum[:])
	return e
}

// Claim is what a ledger knows of a source.
type Claim uint8

// Kinds of claims.
const (
	Free    Claim = iota // no run has claimed it
	Claimed              // a run that has ended has this version of it
	InWork               // a run that hasn't ended has it
	// Other says that a run has, by the hash of its URI, another version of
	// it. FindVersions tells for sure.
	Other
)

// Look returns what is known of a source's version.
func (l *Ledger) Look(uri, version string) Claim {
	e := entry(uri, version)
	claim := Free
	for _, s := range l.segments {
		switch s.look(&e) {
		case Claimed:
			return Claimed
		case Other:
			claim = Other
		}
	}
	for _, s := range l.open {
		if s.look(&e) != Free {
			return InWork
		}
	}
	return claim
}

// indexSize is into how many ranges an index divides entries, by their first two
// bytes.
const indexSize = 1 << 16

// sorted makes the index; for a few entries it is none.
func (s *segment) sorted() {
	n := len(s.entries) / entrySize
	if n < indexSize/8 {
		return
	}
	s.index = make([]uint32, indexSize+1)
	for i := range n {
		s.index[int(binary.BigEndian.Uint16(s.entries[i*entrySize:]))+1]++
	}
	for i := range indexSize {
		s.index[i+1] += s.index[i]
	}
}

func (s *segment) look(e *[entrySize]byte) Claim {
	first, end := 0, len(s.entries)/entrySize
	if s.index != nil {
		bucket := binary.BigEndian.Uint16(e[:])
		first, end = int(s.index[bucket]), int(s.index[int(bucket)+1])
	}
	first += sort.Search(end-first, func(i int) bool {
		return bytes.Compare(s.entry(first + i)[:uriSize], e[:uriSize]) >= 0
	})
	claim := Free
	for ; first < end && bytes.Equal(s.entry(first)[:uriSize], e[:uriSize]); first++ {
		if bytes.Equal(s.entry(first), e[:]) {
			return Claimed
		}
		claim = Other
	}
	return claim
}

func (s *segment) entry(i int) []byte { return s.entries[i*entrySize : (i+1)*entrySize] }

// OpenLedger returns the ledger of the runs, as ListRuns has them.
func OpenLedger(ctx context.Context, s store.Store, d *Dataset, runs []RunFiles, log *slog.Logger) (*Ledger, error) {
	l := &Ledger{store: s, dataset: d, log: log}
	if err := l.load(ctx, runs); err != nil {
		return nil, err
	}
	for i := range runs {
		if err := l.Add(ctx, &runs[i]); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// load takes the files that cover ended runs, the largest first.
func (l *Ledger) load(ctx context.Context, runs []RunFiles) error {
	byNumber := make(map[int]*RunFiles, len(runs))
	for i := range runs {
		byNumber[runs[i].N] = &runs[i]
	}
	type file struct {
		name        string
		first, last int
	}
	var files []file
	err := l.store.List(ctx, ledgerDir, func(name string, _ fs.FileInfo) error {
		if first, last, ok := segmentRange(name); ok {
			files = append(files, file{name, first, last})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(cmp.Compare(b.last-b.first, a.last-a.first), cmp.Compare(a.first, b.first))
	})
	for _, f := range files {
		if slices.ContainsFunc(l.segments, func(s *segment) bool { return s.first() <= f.last && s.last() >= f.first }) {
			continue
		}
		s, err := l.loadSegment(ctx, f.name, byNumber)
		if d := (*DamagedError)(nil); errors.As(err, &d) {
			l.log.Info("making a part of the ledger again", "file", f.name, "why", err.Error())
			continue
		}
		if errors.Is(err, fs.ErrNotExist) { // merged meanwhile
			continue
		}
		if err != nil {
			return err
		}
		l.insert(s)
	}
	return nil
}

func (s *segment) first() int { return s.header.Runs[0].N }
func (s *segment) last() int  { return s.header.Runs[len(s.header.Runs)-1].N }

func (l *Ledger) insert(s *segment) {
	at, _ := slices.BinarySearchFunc(l.segments, s.first(), func(t *segment, first int) int { return cmp.Compare(t.first(), first) })
	l.segments = slices.Insert(l.segments, at, s)
}

func segmentName(first, last int) string {
	return path.Join(ledgerDir, RunName(first)+"-"+RunName(last)+".bin")
}

func segmentRange(name string) (first, last int, ok bool) {
	base, _ := strings.CutSuffix(path.Base(name), ".bin")
	a, b, _ := strings.Cut(base, "-")
	first, ok1 := number(a)
	last, ok2 := number(b)
	return first, last, ok1 && ok2 && first <= last && segmentName(first, last) == name
}

func (l *Ledger) loadSegment(ctx context.Context, name string, runs map[int]*RunFiles) (*segment, error) {
	data, err := read(ctx, l.store, name)
	if err != nil {
		return nil, err
	}
	s, err := parseSegment(data)
	if err != nil {
		return nil, &DamagedError{Name: l.store.URI(name), Err: err}
	}
	if s.header.Dataset != l.dataset.ID {
		return nil, damaged(l.store, name, "it is of another dataset")
	}
	if segmentName(s.first(), s.last()) != name {
		return nil, damaged(l.store, name, "it is of runs %d to %d", s.first(), s.last())
	}
	for _, r := range s.header.Runs {
		there := runs[r.N]
		if there == nil || !there.Ended || there.Size != r.Size || there.EndSize != r.EndSize {
			return nil, damaged(l.store, name, "run %d is another one", r.N)
		}
	}
	return s, nil
}

// parseSegment reads a segment's file. The segment keeps data.
func parseSegment(data []byte) (*segment, error) {
	if len(data) < len(ledgerMagic)+4+sha256.Size || string(data[:len(ledgerMagic)]) != ledgerMagic {
		return nil, errors.New("it isn't a ledger")
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if want := sha256.Sum256(body); !bytes.Equal(want[:], sum) {
		return nil, errors.New("its checksum is wrong")
	}
	rest := body[len(ledgerMagic):]
	size := int64(binary.BigEndian.Uint32(rest))
	rest = rest[4:]
	if size > int64(len(rest)) {
		return nil, errors.New("its header is cut off")
	}
	s := &segment{entries: rest[size:], kept: true}
	if err := json.Unmarshal(rest[:size], &s.header); err != nil {
		return nil, err
	}
	h := &s.header
	if h.Format != Format || len(h.Runs) == 0 || h.Entries*entrySize != int64(len(s.entries)) {
		return nil, fmt.Errorf("it has format %d, %d runs and %d entries", h.Format, len(h.Runs), h.Entries)
	}
	for i := range h.Runs {
		if i > 0 && h.Runs[i].N != h.Runs[i-1].N+1 {
			return nil, errors.New("its runs don't follow each other")
		}
	}
	for i := 1; i < len(s.entries)/entrySize; i++ {
		if bytes.Compare(s.entry(i-1), s.entry(i)) > 0 {
			return nil, errors.New("its entries aren't sorted")
		}
	}
	s.sorted()
	return s, nil
}

func (s *segment) encode() ([]byte, error) {
	header, err := json.Marshal(s.header)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, len(ledgerMagic)+4+len(header)+len(s.entries)+sha256.Size)
	data = append(data, ledgerMagic...)
	data = binary.BigEndian.AppendUint32(data, uint32(len(header)))
	data = append(data, header...)
	data = append(data, s.entries...)
	sum := sha256.Sum256(data)
	return append(data, sum[:]...), nil
}

// Add takes in a run that isn't covered yet: what its plan claims, and once it
// has ended what it has kept of that. A run that was open when it was added is
// replaced.
func (l *Ledger) Add(ctx context.Context, r *RunFiles) error {
	if slices.ContainsFunc(l.segments, func(s *segment) bool { return s.first() <= r.N && r.N <= s.last() }) {
		return nil
	}
	l.open = slices.DeleteFunc(l.open, func(s *segment) bool { return s.first() == r.N })
	s := l.newSegment(r)
	run, err := LoadRun(ctx, l.store, r.Run)
	if err != nil {
		return err
	}
	state := ""
	if r.Ended {
		end, err := LoadEnd(ctx, l.store, r.Run)
		if err != nil {
			return err
		}
		state = end.State
	}
	if state != Abandoned {
		if s.entries, err = l.claims(ctx, &run, state == Committed); err != nil {
			return err
		}
	}
	s.seal()
	if r.Ended {
		l.insert(s)
	} else {
		l.open = append(l.open, s)
	}
	return nil
}

// Kept are the sources that a run has kept.
type Kept struct{ entries []byte }

// NewKept takes sources by URI and version. It needs no ledger, and takes some time
// where they are many.
func NewKept(sources iter.Seq2[string, string]) Kept {
	var k Kept
	for uri, version := range sources {
		e := entry(uri, version)
		k.entries = append(k.entries, e[:]...)
	}
	sortEntries(k.entries)
	return k
}

// AddKept takes in an ended run that isn't covered yet, with the sources that it has
// kept. The ledger takes them over.
func (l *Ledger) AddKept(r *RunFiles, k Kept) {
	l.open = slices.DeleteFunc(l.open, func(s *segment) bool { return s.first() == r.N })
	s := l.newSegment(r)
	s.entries = k.entries
	s.sorted()
	s.header.Entries = int64(len(s.entries) / entrySize)
	l.insert(s)
}

func (l *Ledger) newSegment(r *RunFiles) *segment {
	return &segment{header: segmentHeader{Format: Format, Dataset: l.dataset.ID,
		Runs: []segmentRun{{N: r.N, Size: r.Size, EndSize: r.EndSize}}}}
}

// seal makes a segment of entries that were added in any order usable.
func (s *segment) seal() {
	sortEntries(s.entries)
	s.sorted()
	s.header.Entries = int64(len(s.entries) / entrySize)
}

// claims are the entries of a run's sources; of a committed one without those
// that couldn't be read.
func (l *Ledger) claims(ctx context.Context, run *Run, committed bool) ([]byte, error) {
	var entries []byte
	part, at := -1, 0
	var receipt Receipt
	err := ReadPlan(ctx, l.store, run, func(p *PlannedSource) error {
		if committed && p.Part != part {
			if err := fits(&receipt, part, at); err != nil {
				return &DamagedError{Name: l.store.URI(receiptName(run.Run, part)), Err: err}
			}
			var err error
			if receipt, err = LoadReceipt(ctx, l.store, l.dataset, run, p.Part); err != nil {
				return err
			}
			part, at = p.Part, 0
		}
		if committed {
			at++
			if at > len(receipt.Objects) {
				return damaged(l.store, receiptName(run.Run, part), "it has %d objects", len(receipt.Objects))
			}
			if receipt.Objects[at-1].State == ObjectUnreadable {
				return nil
			}
		}
		e := entry(p.URI, p.ETag)
		entries = append(entries, e[:]...)
		return nil
	})
	if err == nil && committed {
		err = fits(&receipt, part, at)
	}
	return entries, err
}

// fits says whether a receipt has as many objects as the plan has for the part.
func fits(r *Receipt, part, sources int) error {
	if part >= 0 && len(r.Objects) != sources {
		return fmt.Errorf("it has %d objects of %d", len(r.Objects), sources)
	}
	return nil
}

func sortEntries(entries []byte) {
	type number struct{ high, low uint64 }
	list := make([]number, len(entries)/entrySize)
	for i := range list {
		e := entries[i*entrySize:]
		list[i] = number{binary.BigEndian.Uint64(e), binary.BigEndian.Uint64(e[8:])}
	}
	slices.SortFunc(list, func(a, b number) int {
		if a.high != b.high {
			return cmp.Compare(a.high, b.high)
		}
		return cmp.Compare(a.low, b.low)
	})
	for i, e := range list {
		binary.BigEndian.PutUint64(entries[i*entrySize:], e.high)
		binary.BigEndian.PutUint64(entries[i*entrySize+8:], e.low)
	}
}

// mergeRatio is how many times larger than what follows a segment may be and
// still be merged with it: then the sizes of segments double from the last to
// the first, and an entry is written anew as often as they can.
const mergeRatio = 2

// Save keeps what isn't kept yet. Nothing depends on it, or on the removal of
// what it replaces.
func (l *Ledger) Save(ctx context.Context) error {
	var merged []*segment
	for _, s := range l.segments {
		for len(merged) > 0 {
			last := merged[len(merged)-1]
			if last.last()+1 != s.first() || s.kept || len(last.entries) > mergeRatio*len(s.entries)+smallSegment {
				break
			}
			s = merge(last, s)
			merged = merged[:len(merged)-1]
		}
		merged = append(merged, s)
	}
	var old []*segment
	for _, s := range l.segments {
		if s.kept && !slices.Contains(merged, s) {
			old = append(old, s)
		}
	}
	l.segments = merged
	for _, s := range merged {
		if s.kept {
			continue
		}
		data, err := s.encode()
		if err == nil {
			err = l.store.Put(ctx, segmentName(s.first(), s.last()), data)
		}
		if err != nil {
			return fmt.Errorf("keeping the ledger: %w", err)
		}
		s.kept = true
	}
	for _, s := range old {
		if err := l.store.RemoveAll(ctx, segmentName(s.first(), s.last())); err != nil {
			break // who may not remove leaves it to maintenance
		}
	}
	return nil
}

// smallSegment is a size, in bytes, below which segments are merged in any case:
// reading a file costs more.
const smallSegment = 1 << 20

func merge(a, b *segment) *segment {
	s := &segment{header: a.header}
	s.header.Runs = slices.Concat(a.header.Runs, b.header.Runs)
	s.header.Entries = a.header.Entries + b.header.Entries
	s.entries = make([]byte, 0, len(a.entries)+len(b.entries))
	x, y := a.entries, b.entries
	for len(x) > 0 && len(y) > 0 {
		if bytes.Compare(x[:entrySize], y[:entrySize]) <= 0 {
			s.entries, x = append(s.entries, x[:entrySize]...), x[entrySize:]
		} else {
			s.entries, y = append(s.entries, y[:entrySize]...), y[entrySize:]
		}
	}
	s.entries = append(append(s.entries, x...), y...)
	s.sorted()
	return s
}

// files are the names of the files that the ledger is in.
func (l *Ledger) files() []string {
	var names []string
	for _, s := range l.segments {
		if s.kept {
			names = append(names, segmentName(s.first(), s.last()))
		}
	}
	return names
}

// FindVersions looks up in the plans of the runs, but for abandoned ones, which
// of the sources are there, and returns the versions they were planned with, by
// URI.
func FindVersions(ctx context.Context, s store.Store, runs []RunFiles, uris map[string]bool) (map[string][]string, error) {
	found := map[string][]string{}
	for i := range runs {
		if runs[i].Ended {
			end, err := LoadEnd(ctx, s, runs[i].Run)
			if err != nil {
				return nil, err
			}
			if end.State == Abandoned {
				continue
			}
		}
		run, err := LoadRun(ctx, s, runs[i].Run)
		if err != nil {
			return nil, err
		}
		err = ReadPlan(ctx, s, &run, func(p *PlannedSource) error {
			if uris[p.URI] {
				found[p.URI] = append(found[p.URI], p.ETag)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
