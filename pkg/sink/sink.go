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

// Options are the options of [New].
type Options struct {
	Format      Format
	Tables      []*schema.Table
	PartitionBy []PartitionKey // in the order of the directories; empty for no partitions
	// Name is the beginning of every file name. A number and the format's extension
	// follow: Name-0.parquet.
	Name string
	// TargetFileSize is the size in bytes at which a file ends and the next file of
	// its partition begins.
	TargetFileSize int64
	// Memory is how many bytes the open row groups of all tables may hold together,
	// with the same share per table. The largest row group of a table ends first.
	Memory int64
	// Share closes the encoders of files, one per piece; nil closes one after the
	// other.
	Share Share
	// Create begins a file. Its path is relative and slash-separated, such as
	// results/p_region=us-east-1/Name-0.parquet. Lanes may call it concurrently.
	Create func(path string) (Output, error)
}

// Output is a file that is being written. One goroutine at a time uses it.
type Output interface {
	io.Writer
	// Commit makes the file visible and durable. After it succeeded, no method may be
	// called.
	Commit() error
	// Abort drops the file. It may be called after a failed Commit.
	Abort() error
}

// File describes a file that a sink wrote.
type File struct {
	Table  string `json:"table"`
	Path   string `json:"path"` // as given to Options.Create
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
	// RowGroups has the offset in the file of each row group or record batch.
	RowGroups []int64 `json:"row_groups,omitempty"`
	// Partition has, for each partition key, the value that all rows have, or nil if it
	// is null. Months are written 2026-11, dates 2026-11-22.
	Partition map[PartitionKey]*string `json:"partition,omitempty"`
	// CreatedAt is the range of the column created_at.
	CreatedAt *TimeRange `json:"created_at,omitempty"`
}

// TimeRange is the range of a column's times.
type TimeRange struct {
	// Min and Max are microseconds since 1970 in UTC, or nil if all values are null.
	Min   *int64 `json:"min,omitempty"`
	Max   *int64 `json:"max,omitempty"`
	Nulls int64  `json:"nulls"` // rows whose value is null
}

// add adds n rows with the created_at of r to the range.
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

// Sink writes the tables of one part. Each table is a lane. Different lanes may be
// written concurrently, each by one goroutine at a time. End a Sink with Close and
// Commit, or with Abort; no other method may run at the same time.
type Sink struct {
	share Share
	lanes []*lane
}

// New returns a sink. It creates a file only when the first row is written to it.
func New(o Options) *Sink {
	s := &Sink{share: o.Share.orAlone()}
	for _, t := range o.Tables {
		s.lanes = append(s.lanes, newLane(o, t))
	}
	return s
}

// Lanes returns the number of tables.
func (s *Sink) Lanes() int { return len(s.lanes) }

// Write writes a batch's rows to the table of a lane, by its index in Options.Tables.
// It keeps no reference to the batch. Every lane must be given the same batches in the
// same order. After an error, call Abort. The error may be a *TooManyPartitionsError.
func (s *Sink) Write(lane int, b *schema.Batch) error { return s.lanes[lane].write(b) }

// maxCommits is how many files are made durable at a time. Waiting for a disk needs no
// core, and a file system can make several files durable with one write.
const maxCommits = 16

// Close writes the rest of all files. Write must not be called after it. Call Commit
// next, which only waits for storage, or Abort after an error.
func (s *Sink) Close() error {
	var open []*writer
	for _, l := range s.lanes {
		for _, w := range l.writers {
			if w.enc != nil {
				open = append(open, w)
			}
		}
	}
	if err := s.share(len(open), func(i int) error { return open[i].closeEncoder() }); err != nil {
		return err
	}
	for _, w := range open {
		w.lane.addFile(w)
	}
	return nil
}

// Commit makes the files durable. It returns all files of the sink, by table and in the
// order in which they ended. After an error, call Abort.
func (s *Sink) Commit() ([]File, error) {
	var group errgroup.Group
	group.SetLimit(maxCommits)
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

// Abort drops the files that are not committed. Files that reached the target size are
// committed already and stay.
func (s *Sink) Abort() error {
	var errs []error
	for _, l := range s.lanes {
		errs = append(errs, l.abort())
	}
	return errors.Join(errs...)
}

// A row group ends when it has this many rows or bytes of memory.
const (
	maxGroupRows  = 1 << 20
	maxGroupBytes = 128 << 20
)

// lane writes one table, with at most one open file per partition.
type lane struct {
	Options
	table  *schema.Table
	memory int64
	// interval is the number of rows between two checks of sizes. Checks come at fixed
	// positions in the sequence of rows, so row groups and files end at such positions.
	interval  int64
	unchecked int64 // rows since the last check

	partitioner partitioner
	writers     []*writer // in the order of their first row
	byPartition map[string]*writer
	current     *writer
	openFiles   int
	next        map[string]int // number of the next file, by directory
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

// rows returns the number of rows that a result has in the table.
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
		// Write as many results at once as belong to one partition and reach no further
		// than the next check.
		p := l.partitioner.find(b, &b.Results[first])
		end, rows := first, int64(0)
		for {
			rows += l.rows(&b.Results[end])
			end++
			if end == len(b.Results) || l.unchecked+rows >= l.interval || !l.partitioner.inLast(b, &b.Results[end]) {
				break
			}
		}
		if rows > 0 {
			if err := l.writeRows(p, b, first, end, rows); err != nil {
				return err
			}
		}
		first = end
	}
	return nil
}

func (l *lane) writeRows(p *partition, b *schema.Batch, first, end int, rows int64) error {
	w := l.current
	if w == nil || w.partition != p {
		w = l.writer(p)
		l.current = w
	}
	if w.enc == nil {
		if err := l.createFile(w); err != nil {
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
	return l.checkSizes()
}

// checkSizes ends files and row groups that are large enough. Then, while the open row
// groups together exceed the memory, it ends the largest.
func (l *lane) checkSizes() error {
	var total int64
	for _, w := range l.writers {
		if w.enc == nil {
			continue
		}
		held := w.enc.Buffered()
		switch {
		case w.enc.Written()+held >= l.TargetFileSize:
			if err := w.closeEncoder(); err != nil {
				return err
			}
			l.addFile(w)
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

// maxOpenFiles is how many files of a table may be open at a time.
const maxOpenFiles = 256

// TooManyPartitionsError says that a part has rows in more partitions than may have an
// open file.
type TooManyPartitionsError struct{ Table string }

func (e *TooManyPartitionsError) Error() string {
	return fmt.Sprintf("a part has rows of %s in more than %d partitions", e.Table, maxOpenFiles)
}

// writer returns the writer of a partition.
func (l *lane) writer(p *partition) *writer {
	id := p.id()
	w, ok := l.byPartition[id]
	if !ok {
		w = &writer{lane: l}
		l.writers = append(l.writers, w)
		l.byPartition[id] = w
	}
	w.partition = p // equal to the one before
	return w
}

// createFile begins a writer's next file.
func (l *lane) createFile(w *writer) error {
	if l.openFiles == maxOpenFiles {
		return &TooManyPartitionsError{Table: l.table.Name}
	}
	l.openFiles++
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

// closeEncoder writes the rest of a writer's file. Different writers may do so
// concurrently.
func (w *writer) closeEncoder() error {
	if err := w.enc.Close(); err != nil {
		return fmt.Errorf("writing %s: %w", w.path, err)
	}
	return nil
}

// addFile adds a writer's file, whose encoder is closed, to the lane's files.
func (l *lane) addFile(w *writer) {
	l.files = append(l.files, File{
		Table: l.table.Name, Path: w.path, Rows: w.rows,
		Bytes: w.out.bytes, SHA256: hex.EncodeToString(w.out.hash.Sum(nil)), RowGroups: w.enc.Groups(),
		Partition: w.partition.valuesByKey(l.PartitionBy), CreatedAt: w.created,
	})
	w.enc = nil
	l.openFiles--
}

// commit makes a file durable whose encoder is closed.
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

// countedOutput counts and hashes the bytes that are written to an Output.
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
