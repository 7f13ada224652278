package convert

import (
	"fmt"

	"github.com/bytedance/sonic"

	"github.com/macielake/macielake/internal/dataset"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/store"
	"github.com/macielake/macielake/pkg/schema"
	"github.com/macielake/macielake/pkg/stream"
)

// Reject is a line of a file of rejects: a line of a source, or a source.
type Reject struct {
	URI string `json:"uri"`
	// Line is from 1; 0, and left out, where the whole object is rejected.
	Line int64 `json:"line,omitempty"`
	// Offset is that of the first error in the inflated stream.
	Offset int64        `json:"offset"`
	Class  schema.Class `json:"class"`
	// Bytes is how long the line is; of one that is too long only as much as
	// was kept.
	Bytes int64 `json:"bytes,omitempty"`
	// Raw is the line, base64 in JSON, at most its first 64 KiB.
	Raw []byte `json:"raw,omitempty"`
	// Error is what reading an object said.
	Error string `json:"error,omitempty"`
}

// maxRaw is how many bytes of a rejected line are kept.
const maxRaw = 64 << 10

// rejectsFile is the name of the rejects in a part's staging directory.
const rejectsFile = "rejects.jsonl"

// account counts what goes through a part, and writes down what was rejected.
// It takes the part's batches in order.
type account struct {
	raw    bool
	create func(name string, access store.Access) (store.Output, error)

	tables  []string // that are written
	sources []input.Source
	current int
	objects []dataset.Object // one a source
	out     store.Output     // nil before the first reject
	rejects int64
	first   *Reject // nil before the first reject; without its raw bytes
	classes map[schema.Class]int64
	rows    [3]int64 // by level
	kinds   [schema.NumKinds]int64
	unknown map[string]int64
}

func newAccount(sources []input.Source, tables []string, raw bool, create func(string, store.Access) (store.Output, error)) *account {
	a := &account{
		raw: raw, create: create, sources: sources, tables: tables,
		objects: make([]dataset.Object, len(sources)),
		classes: make(map[schema.Class]int64),
		unknown: make(map[string]int64),
	}
	for i := range sources {
		a.objects[i] = dataset.Object{URI: sources[i].URI, ETag: sources[i].ETag}
	}
	return a
}

// add takes a decoded batch.
func (a *account) add(b *schema.Batch) error {
	// Which of the part's objects each source of the batch is: both are in
	// order.
	objects := make([]*dataset.Object, len(b.Sources))
	for i := range b.Sources {
		for a.sources[a.current].URI != b.Sources[i].URI {
			a.current++
		}
		objects[i] = &a.objects[a.current]
	}
	for i := range b.Results {
		r := &b.Results[i]
		objects[r.Source].Records++
		a.rows[schema.ResultLevel]++
		a.rows[schema.DetectionLevel] += r.Int[schema.TypeCount]
		a.rows[schema.OccurrenceLevel] += r.Int[schema.LocationCount]
		for j := r.Detections.First; j < r.Detections.End; j++ {
			for k, locations := range b.Detections[j].Locations {
				a.kinds[k] += int64(locations.Len())
			}
		}
	}
	for _, source := range b.Dropped {
		objects[source].Records++
		objects[source].Filtered++
	}
	for name, n := range b.Unknown {
		addUnknown(a.unknown, name, n)
	}
	for i := range b.Rejects {
		r := &b.Rejects[i]
		objects[r.Source].Rejects++
		reject := Reject{
			URI: b.Sources[r.Source].URI, Line: r.Line, Offset: r.Offset, Class: r.Class, Bytes: int64(r.Raw.Len),
		}
		if a.raw {
			raw := b.Text(r.Raw)
			reject.Raw = raw[:min(len(raw), maxRaw)]
		}
		if err := a.reject(reject); err != nil {
			return err
		}
	}
	return nil
}

// finish takes the outcomes of the part's objects.
func (a *account) finish(outcomes []stream.Outcome) error {
	for _, o := range outcomes {
		obj := &a.objects[o.Index]
		obj.State = o.State.String()
		obj.Stored, obj.Inflated = o.Stored, o.Inflated
		switch o.State {
		case stream.Converted:
			obj.Lines = o.Lines
			obj.Blank = o.Lines - obj.Records - obj.Rejects
		case stream.Rejected:
			obj.Class = o.Class
			reject := Reject{URI: obj.URI, Offset: o.Offset, Class: o.Class}
			if o.Err != nil {
				reject.Error = o.Err.Error()
			}
			if err := a.reject(reject); err != nil {
				return err
			}
		case stream.Unreadable:
			obj.Error = o.Err.Error()
		}
	}
	return nil
}

func (a *account) reject(r Reject) error {
	if a.out == nil {
		out, err := a.create(rejectsFile, store.Private)
		if err != nil {
			return err
		}
		a.out = out
	}
	a.rejects++
	a.classes[r.Class]++
	line, err := sonic.Marshal(r)
	if a.first == nil {
		r.Raw = nil
		a.first = &r
	}
	if err == nil {
		_, err = a.out.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the rejects: %w", err)
	}
	return nil
}

// abort drops the rejects.
func (a *account) abort() error {
	if a.out == nil {
		return nil
	}
	return a.out.Abort()
}

// maxUnknown is how many unknown fields are told apart in a summary; input can
// have any number. The others are counted under otherUnknown.
const (
	maxUnknown   = 1000
	otherUnknown = "(others)"
)

func addUnknown(counts map[string]int64, name string, n int64) {
	if _, ok := counts[name]; !ok && len(counts) >= maxUnknown {
		name = otherUnknown
	}
	counts[name] += n
}
