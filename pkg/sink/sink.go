package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/pkg/schema"
)

// Options say what a sink writes and where.
type Options struct {
	Format      Format
	Tables      []*schema.Table
	PartitionBy []PartitionKey // in the order of the directories; none for no partitions
	// Name is the beginning of every file name; a number and the format's
	// extension follow.
	Name string
	// TargetFileSize is the size in bytes past which a file ends and the next
	// one of its partition begins.
	TargetFileSize int64
	// Memory bounds, in bytes, what the open row groups of all tables hold
	// together; the largest ends first.
	Memory int64
	// Share is given files to end together; nil ends one after the other.
	Share Share
	// Create starts a file. Its path is relative and slash-separated:
	// table/partition/name.
	Create func(path string) (Output, error)
}

// Output is a file being written.
type Output interface {
	io.Writer
	// Commit makes the file whole and durable. Nothing may be called after it.
	Commit() error
	// Abort drops the file. It may be called after a failed Commit.
	Abort() error
}

// File is a file that a sink wrote.
type File struct {
	Table  string `json:"table"`
	Path   string `json:"path"` // as given to Options.Create
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
	// RowGroups has the offset in the file at which each row group, or record
	// batch, begins.
	RowGroups []int64 `json:"row_groups,omitempty"`
	// Partition has the value that all rows share of each partition key: nil
	// where it is null. A month is that of created_at, such as 2026-11.
	Partition map[PartitionKey]*string `json:"partition,omitempty"`
	CreatedAt *TimeRange               `json:"created_at,omitempty"`
}

// TimeRange says between which times the values of a column lie.
type TimeRange struct {
	// Min and Max are microseconds since 1970, and nil where all values are null.
	Min   *int64 `json:"min,omitempty"`
	Max   *int64 `json:"max,omitempty"`
	Nulls int64  `json:"nulls"`
}

// add takes in n rows with the created_at of r.
func (t *TimeRange) add(r *schema.Result, n int64) {
	if !r.HasInt(schema.CreatedAt) {
		t.Nulls += n
		return
	}
	at := r.Int[schema.CreatedAt]
	if t.Min == nil {
		t.Min, t.Max = new(int64), new(int64)
		*t.Min, *t.Max = at, at
	}
	*t.Min, *t.Max = min(*t.Min, at), max(*t.Max, at)
}

// Sink writes the tables of one part. Each table is a lane: lanes may be
// written side by side, each by one goroutine at a time. It ends with Close and
// Commit, or with Abort.
type Sink struct {
	share Share
	lanes []*lane
}

// New returns a sink; nothing is created before the first row.
func New(o Options) *Sink {
	s := &Sink{share: o.Share.orAlone()}
	for _, t := range o.Tables {
		s.lanes = append(s.lanes, newLane(o, t))
	}
	return s
}

// Lanes is the number of tables.
func (s *Sink) Lanes() int { return len(s.lanes) }

// Write adds a batch's rows to the table of that lane. It keeps nothing of the
// batch. Batches must come in the same order in every lane.
func (s *Sink) Write(lane int, b *schema.Batch) error { return s.lanes[lane].write(b) }

// commits is how many files are made durable at a time: waiting for a disk costs
// no core, and a file system can answer several that wait with one write.
const commits = 16

// Close ends all files. No more can be written; Commit, which is to follow,
// waits for disks alone. After an error, call Abort.
func (s *Sink) Close() error {
	var open []*writer
	for _, l := range s.lanes {
		for _, w := range l.writers {
			if w.enc != nil {
				open = append(open, w)
			}
		}
	}
	if err := s.share(len(open), func(i int) error { return open[i].end() }); err != nil {
		return err
	}
	for _, w := range open {
		w.lane.note(w)
	}
	return nil
}

// Commit makes the files durable and returns them, by table and in the order in
// which they ended. After an error, call Abort.
func (s *Sink) Commit() ([]File, error) {
	var group errgroup.Group
	group.SetLimit(commits)
	var files []File
	for _, l := range s.lanes {
		for _, w := range l.writers {
			if w.out != nil {
				group.Go(w.commit)
			}
		}
		files = append(files, l.files...)
	}
	return files, group.Wait()
}

// Abort drops the files that are still open. Files that are whole already stay
// where Options.Create put them.
func (s *Sink) Abort() error {
	var errs []error
	for _, l := range s.lanes {
		errs = append(errs, l.abort())
	}
	return errors.Join(errs...)
}

// Row groups end at so many rows, or bytes of memory.
const (
	maxGroupRows  = 1 << 20
	maxGroupBytes = 128 << 20
)

// lane writes one table: a file at a time for each partition.
type lane struct {
	Options
	table  *schema.Table
	memory int64
	// interval is how many rows go by between two looks at sizes: looks happen
	// at fixed places in the sequence of rows, so that what they decide does.
	interval  int64
	unchecked int64 // rows since the last look

	partitioner partitioner
	writers     []*writer // in the order of their first row
	byPartition map[string]*writer
	current     *writer
	open        int            // files
	next        map[string]int // by directory: number of the next file
	files       []File
}

// writer writes the files of one partition.
type writer struct {
	lane      *lane
	partition *partition
	rows      int64
	created   *TimeRange
	path      string
	enc       Encoder
	out       *countedOutput
}

func newLane(o Options, t *schema.Table) *lane {
	l := &lane{
		Options:     o,
		table:       t,
		interval:    4 << 10,
		memory:      o.Memory / int64(len(o.Tables)),
		partitioner: partitioner{keys: o.PartitionBy},
		byPartition: make(map[string]*writer),
		next:        make(map[string]int),
	}
	if t.Row == schema.OccurrenceLevel {
		l.interval = 64 << 10
	}
	return l
}

// rows is the number of rows that the table has of a result.
func (l *lane) rows(r *schema.Result) int64 {
	switch l.table.Row {
	case schema.ResultLevel:
		return 1
	case schema.DetectionLevel:
		return r.Int[schema.TypeCount]
	}
	return r.Int[schema.LocationCount]
}

func (l *lane) write(b *schema.Batch) error {
	for first := 0; first < len(b.Results); {
		// The longest run of results for one writer that doesn't pass a look.
		where := l.partitioner.find(b, &b.Results[first])
		end, rows := first, int64(0)
		for {
			rows += l.rows(&b.Results[end])
			end++
			if end == len(b.Results) || l.unchecked+rows >= l.interval || !l.partitioner.same(b, &b.Results[end]) {
				break
			}
		}
		if rows > 0 {
			if err := l.writeRun(where, b, first, end, rows); err != nil {
				return err
			}
		}
		first = end
	}
	return nil
}

func (l *lane) writeRun(where *partition, b *schema.Batch, first, end int, rows int64) error {
	w := l.current
	if w == nil || w.partition != where {
		w = l.writer(where)
		l.current = w
	}
	if w.enc == nil {
		if err := l.begin(w); err != nil {
			return err
		}
	}
	if err := w.enc.Write(b, first, end); err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	w.rows += rows
	for i := first; i < end; i++ {
		if n := l.rows(&b.Results[i]); n > 0 {
			w.created.add(&b.Results[i], n)
		}
	}
	if l.unchecked += rows; l.unchecked < l.interval {
		return nil
	}
	l.unchecked = 0
	return l.check()
}

// check ends row groups and files that have become large enough, and the
// largest row groups where all of them together outgrow the memory.
func (l *lane) check() error {
	var total int64
	for _, w := range l.writers {
		if w.enc == nil {
			continue
		}
		held := w.enc.Buffered()
		switch {
		case w.enc.Written()+held >= l.TargetFileSize:
			if err := w.end(); err != nil {
				return err
			}
			l.note(w)
			if err := w.commit(); err != nil {
				return err
			}
		case held >= maxGroupBytes || w.enc.Rows()+l.interval > maxGroupRows:
			if err := l.flush(w); err != nil {
				return err
			}
		default:
			total += held
		}
	}
	for total > l.memory {
		var largest *writer
		for _, w := range l.writers {
			if w.enc != nil && w.enc.Rows() > 0 && (largest == nil || w.enc.Buffered() > largest.enc.Buffered()) {
				largest = w
			}
		}
		if largest == nil {
			return nil
		}
		held := largest.enc.Buffered()
		if err := l.flush(largest); err != nil {
			return err
		}
		total -= held - largest.enc.Buffered()
	}
	return nil
}

func (l *lane) flush(w *writer) error {
	if err := w.enc.Flush(); err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	return nil
}

// maxOpen is how many files of a table a part may have open at a time.
const maxOpen = 256

// TooManyPartitionsError says that a part's rows belong to more partitions than
// may have a file open at a time.
type TooManyPartitionsError struct{ Table string }

func (e *TooManyPartitionsError) Error() string {
	return fmt.Sprintf("a part has rows of %s in more than %d partitions", e.Table, maxOpen)
}

// writer returns the writer of a partition.
func (l *lane) writer(where *partition) *writer {
	id := where.id()
	w, ok := l.byPartition[id]
	if !ok {
		w = &writer{lane: l}
		l.writers = append(l.writers, w)
		l.byPartition[id] = w
	}
	w.partition = where // equal to the one before
	return w
}

// begin starts a writer's next file.
func (l *lane) begin(w *writer) error {
	if l.open == maxOpen {
		return &TooManyPartitionsError{Table: l.table.Name}
	}
	l.open++
	dir := w.partition.dir
	w.path = path.Join(l.table.Name, dir, fmt.Sprintf("%s-%d%s", l.Name, l.next[dir], l.Format.Extension()))
	l.next[dir]++
	w.rows, w.created = 0, &TimeRange{}
	out, err := l.Create(w.path)
	if err != nil {
		return fmt.Errorf("creating %s: %w", w.path, err)
	}
	w.out = &countedOutput{Output: out, hash: sha256.New()}
	w.enc, err = l.Format.NewEncoder(w.out, l.table)
	if err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	return nil
}

// end writes the rest of a writer's file. Files may be ended side by side.
func (w *writer) end() error {
	if err := w.enc.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	return nil
}

// note counts a writer's file, which has ended, among the lane's.
func (l *lane) note(w *writer) {
	l.files = append(l.files, File{
		Table: l.table.Name, Path: w.path, Rows: w.rows,
		Bytes: w.out.bytes, SHA256: hex.EncodeToString(w.out.hash.Sum(nil)), RowGroups: w.enc.Groups(),
		Partition: w.partition.named(l.PartitionBy), CreatedAt: w.created,
	})
	w.enc = nil
	l.open--
}

// commit makes a finished file durable.
func (w *writer) commit() error {
	if err := w.out.Commit(); err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	w.out = nil
	return nil
}

func (l *lane) abort() error {
	var errs []error
	for _, w := range l.writers {
		if w.out != nil {
			errs = append(errs, w.out.Abort())
			w.enc, w.out = nil, nil
		}
	}
	return errors.Join(errs...)
}

// countedOutput knows the size and checksum of what went through it.
type countedOutput struct {
	Output
	hash  hash.Hash
	bytes int64
}

func (o *countedOutput) Write(p []byte) (int, error) {
	n, err := o.Output.Write(p)
	o.hash.Write(p[:n])
	o.bytes += int64(n)
	return n, err
}
