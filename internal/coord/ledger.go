package coord

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
	"log/slog"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/macielake/macielake/internal/keylayout"
	"github.com/macielake/macielake/internal/state"
	"github.com/macielake/macielake/internal/store"
)

// Ledger knows which sources runs have claimed: 16 bytes for each name that a
// source has, of which 12 are a hash of the name and 4 one of the version under
// it. It is safe for concurrent reading.
//
// Its segments are kept as files, which cover one ended run or several that
// follow each other. They are a cache: a segment that is missing, damaged or doesn't fit
// the runs is made again from them. A segment is never
// changed; when one is added, those before it that aren't much larger are merged
// into it, so that there are few.
type Ledger struct {
	store    store.Store
	dataset  *state.Dataset
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
	N       int    `json:"n"`
	Nonce   string `json:"nonce"`
	Size    int64  `json:"size"`     // of the claim, bytes
	EndSize int64  `json:"end_size"` // of the end record, bytes
}

const (
	entrySize = 16
	nameSize  = 12 // bytes of an entry that are of the name
	// ledgerMagic begins a segment's file; the length of the header follows
	// in 4 bytes, the header as JSON, the entries, and the SHA-256 of all of it.
	ledgerMagic = "macielake ledger 2\n"
)

// A source has three names, each with a version: its URI with the ETag, the part
// of its key that copies share with the size, and its bytes' checksum with the
// size. No URI begins with a NUL.
const (
	copyName    = "\x00copy "
	contentName = "\x00content "
)

// entry is what a ledger has of a name and a version.
func entry(name, version string) [entrySize]byte { return entryOf("", name, version) }

// entryOf is entry for a name of a kind.
func entryOf(kind, name, version string) [entrySize]byte {
	var e [entrySize]byte
	var text [512]byte // most names fit
	sum := sha256.Sum256(append(append(text[:0], kind...), name...))
	copy(e[:nameSize], sum[:])
	sum = sha256.Sum256(append(text[:0], version...))
	copy(e[nameSize:], sum[:])
	return e
}

func copyEntry(copyID string, size int64) [entrySize]byte {
	return entryOf(copyName, copyID, strconv.FormatInt(size, 10))
}

func contentEntry(checksum uint64, stored int64) [entrySize]byte {
	return entryOf(contentName, strconv.FormatUint(checksum, 16), strconv.FormatInt(stored, 10))
}

// CopyID is what a source's URI has in common with those of its copies: empty
// unless its key has Macie's layout.
func CopyID(uri string) string {
	key, ok := keylayout.Parse(filepath.ToSlash(uri))
	if !ok {
		return ""
	}
	return key.CopyID()
}

// CopyHash stands for a CopyID where many are kept.
func CopyHash(copyID string) (h [nameSize]byte) {
	e := copyEntry(copyID, 0)
	copy(h[:], e[:])
	return h
}

// Claim is what a ledger knows of a source.
type Claim uint8

// Kinds of claims.
const (
	Free    Claim = iota // no run has claimed it
	Claimed              // a run that has ended has this version of it
	InWork               // a run that hasn't ended has it
	// Other says that a run has, by the hash of its name, another version of
	// it. The plans tell for sure.
	Other
)

// Look returns what is known of a source's version.
func (l *Ledger) Look(uri, version string) Claim { return l.look(entry(uri, version)) }

// LookCopy returns what is known of a source with that CopyID, wherever it lies;
// its size is its version.
func (l *Ledger) LookCopy(copyID string, size int64) Claim { return l.look(copyEntry(copyID, size)) }

// HasContent reports whether a run that has ended has a source with those stored
// bytes.
func (l *Ledger) HasContent(checksum uint64, stored int64) bool {
	return l.look(contentEntry(checksum, stored)) == Claimed
}

func (l *Ledger) look(e [entrySize]byte) Claim {
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
		return bytes.Compare(s.entry(first + i)[:nameSize], e[:nameSize]) >= 0
	})
	claim := Free
	for ; first < end && bytes.Equal(s.entry(first)[:nameSize], e[:nameSize]); first++ {
		if bytes.Equal(s.entry(first), e[:]) {
			return Claimed
		}
		claim = Other
	}
	return claim
}

func (s *segment) entry(i int) []byte { return s.entries[i*entrySize : (i+1)*entrySize] }

// OpenLedger returns the ledger of the runs, as ListRuns has them.
func OpenLedger(ctx context.Context, s store.Store, d *state.Dataset, runs []state.RunFiles, log *slog.Logger) (*Ledger, error) {
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
func (l *Ledger) load(ctx context.Context, runs []state.RunFiles) error {
	byNumber := make(map[int]*state.RunFiles, len(runs))
	for i := range runs {
		byNumber[runs[i].Address.Number] = &runs[i]
	}
	type file struct {
		name        string
		first, last int
	}
	var files []file
	err := l.store.List(ctx, state.LedgerDir, func(name string, _ fs.FileInfo) error {
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
		if d := (*state.DamagedError)(nil); errors.As(err, &d) {
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
	return path.Join(state.LedgerDir, state.RunNumber(first)+"-"+state.RunNumber(last)+".bin")
}

func segmentRange(name string) (first, last int, ok bool) {
	base, _ := strings.CutSuffix(path.Base(name), ".bin")
	a, b, _ := strings.Cut(base, "-")
	first, ok1 := state.ParseNumber(a)
	last, ok2 := state.ParseNumber(b)
	return first, last, ok1 && ok2 && first <= last && segmentName(first, last) == name
}

func (l *Ledger) loadSegment(ctx context.Context, name string, runs map[int]*state.RunFiles) (*segment, error) {
	data, err := state.ReadFile(ctx, l.store, name)
	if err != nil {
		return nil, err
	}
	s, err := parseSegment(data)
	if err == nil {
		err = l.checkSegment(s, name, runs)
	}
	if err != nil {
		return nil, &state.DamagedError{Name: l.store.URI(name), Err: err}
	}
	return s, nil
}

// checkSegment looks whether a segment covers the runs of the dataset.
func (l *Ledger) checkSegment(s *segment, name string, runs map[int]*state.RunFiles) error {
	if s.header.Dataset != l.dataset.ID {
		return errors.New("it is of another dataset")
	}
	if segmentName(s.first(), s.last()) != name {
		return fmt.Errorf("it is of runs %d to %d", s.first(), s.last())
	}
	for _, r := range s.header.Runs {
		if there := runs[r.N]; there == nil || !there.Ended || headerOf(there) != r {
			return fmt.Errorf("run %d is another one", r.N)
		}
	}
	return nil
}

func headerOf(r *state.RunFiles) segmentRun {
	return segmentRun{N: r.Address.Number, Nonce: r.Address.Nonce, Size: r.ClaimSize, EndSize: r.EndSize}
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
	if h.Format != state.Format || len(h.Runs) == 0 || h.Entries*entrySize != int64(len(s.entries)) {
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
func (l *Ledger) Add(ctx context.Context, r *state.RunFiles) error {
	n := r.Address.Number
	if slices.ContainsFunc(l.segments, func(s *segment) bool { return s.first() <= n && n <= s.last() }) {
		return nil
	}
	run, err := state.ReadRun(ctx, l.store, l.dataset, r)
	if err != nil {
		return err
	}
	var kept Kept
	switch {
	case run.Open(): // what became of its sources isn't known yet
		err = state.ReadPlan(ctx, l.store, run.Run, 0, func(p *state.PlannedSource) error {
			kept.Add(p, nil)
			return nil
		})
	case run.Committed():
		err = state.EachSource(ctx, l.store, &run, func(p *state.PlannedSource, o *state.Outcome, _ *state.Receipt) error {
			if o.State != state.Unreadable {
				kept.Add(p, o)
			}
			return nil
		})
	}
	if err != nil {
		return err
	}
	l.add(r, &kept)
	return nil
}

// Kept are the sources that a run has kept. The zero value has none.
type Kept struct{ entries []byte }

// Add adds a source that was converted or rejected; what became of it is nil
// while its run is open. It reports whether copies of it can be told by its key.
func (k *Kept) Add(p *state.PlannedSource, o *state.Outcome) bool {
	add := func(e [entrySize]byte) { k.entries = append(k.entries, e[:]...) }
	add(entry(p.URI, p.ETag))
	id := CopyID(p.URI)
	if id != "" {
		add(copyEntry(id, p.Size))
	}
	if o != nil && o.Checksum != 0 {
		add(contentEntry(o.Checksum, o.Stored))
	}
	return id != ""
}

// Append adds the sources of another.
func (k *Kept) Append(other *Kept) { k.entries = append(k.entries, other.entries...) }

// AddKept takes in an ended run, with the sources that it has kept. The ledger
// takes them over.
func (l *Ledger) AddKept(r *state.RunFiles, k *Kept) { l.add(r, k) }

func (l *Ledger) add(r *state.RunFiles, k *Kept) {
	l.open = slices.DeleteFunc(l.open, func(s *segment) bool { return s.first() == r.Address.Number })
	s := &segment{entries: k.entries, header: segmentHeader{Format: state.Format, Dataset: l.dataset.ID,
		Runs: []segmentRun{headerOf(r)}, Entries: int64(len(k.entries) / entrySize)}}
	sortEntries(s.entries)
	s.sorted()
	if r.Ended {
		l.insert(s)
	} else {
		l.open = append(l.open, s)
	}
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
			if last.last()+1 != s.first() || s.kept || len(last.entries) > mergeRatio*len(s.entries)+smallSegment ||
				len(last.entries)+len(s.entries) > largeSegment {
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

// largeSegment is a size, in bytes, above which segments are not merged: a file of the
// state may not be larger than state.ReadFile takes.
const largeSegment = 512 << 20

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

// KeepRun keeps the part of a ledger that covers one ended run, for the next converter,
// which would otherwise read the run's receipts again.
func KeepRun(ctx context.Context, s store.Store, d *state.Dataset, r *state.RunFiles, k *Kept) error {
	l := &Ledger{store: s, dataset: d}
	l.AddKept(r, k)
	return l.Save(ctx)
}

// Files are the names of the files that the ledger is in.
func (l *Ledger) Files() []string {
	var names []string
	for _, s := range l.segments {
		if s.kept {
			names = append(names, segmentName(s.first(), s.last()))
		}
	}
	return names
}
