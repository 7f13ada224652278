package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/macielake/macielake/internal/store"
)

// Claim is runs/<n>-<dataset>.json: what one run is to convert, and how. Creating
// it gives the run its number and its sources.
type Claim struct {
	Number int    `json:"number"`
	RunID  string `json:"run_id"` // as the tables have it: the number and 8 digits of what the run is of
	Nonce  string `json:"nonce"`  // see Address
	// Previous is the SHA-256 of the claim before it; empty for the first.
	Previous  string    `json:"previous"`
	Dataset   Dataset   `json:"dataset"`
	StartedAt time.Time `json:"started_at"`
	Version   string    `json:"version"` // of macielake
	// Retry says that the run takes up what earlier ones rejected.
	Retry   bool    `json:"retry,omitempty"`
	Options Options `json:"options"`
	Plan
}

// Options are those of a run that decide its output.
type Options struct {
	Compression      string `json:"compression"`
	TargetFileSize   int64  `json:"target_file_size"`
	PartSize         int64  `json:"part_size"` // as it was used
	MaxLineBytes     int    `json:"max_line_bytes"`
	MaxLineValues    int    `json:"max_line_values"`
	MaxInflatedBytes int64  `json:"max_inflated_bytes"`
	MaxRatio         int64  `json:"max_ratio"`  // inflated bytes per stored byte
	RatioFrom        int64  `json:"ratio_from"` // inflated bytes from which it counts
	RejectRaw        bool   `json:"reject_raw"`
	MaxRejects       int64  `json:"max_rejects"` // -1 for no limit
}

// Run is a claim as its file or an end record has it.
type Run struct {
	Claim
	Sum string // SHA-256, by which the next claim and the receipts name it
	raw json.RawMessage
}

// Address names the run's files.
func (r *Run) Address() Address { return Address{r.Number, r.Nonce} }

// Put writes a claim. Of its fields it sets RunID, which is a function of what the
// run reads and how. It gives fs.ErrExist where another run of the dataset has the number.
func Put(ctx context.Context, s store.Store, c Claim) (*Run, error) {
	id, err := runID(&c)
	if err != nil {
		return nil, err
	}
	c.RunID = id
	data, sum, err := encode(c)
	if err != nil {
		return nil, fmt.Errorf("encoding the claim of run %d: %w", c.Number, err)
	}
	if err := createFile(ctx, s, ClaimName(&c.Dataset, c.Number), data); err != nil {
		return nil, err
	}
	return &Run{Claim: c, Sum: sum, raw: data[:len(data)-1]}, nil
}

// runID is the identifier of a run: its number and the beginning of a digest of
// that, the options and each source's URI and size. Two conversions of one input
// have the same, whatever the machine, the time and the version.
func runID(c *Claim) (string, error) {
	d := c.Dataset
	d.ID = ""
	what, err := json.Marshal(struct {
		Number  int
		Dataset Dataset
		Retry   bool
		Options Options
		Sources string
	}{c.Number, d, c.Retry, c.Options, c.Digest})
	return RunNumber(c.Number) + "-" + hexSum(what)[:8], err
}

// LoadRun reads the claim of a number.
func LoadRun(ctx context.Context, s store.Store, d *Dataset, n int) (*Run, error) {
	name := ClaimName(d, n)
	data, err := ReadFile(ctx, s, name)
	if err != nil {
		return nil, err
	}
	r, err := parseClaim(data, d, n)
	if err != nil {
		return nil, &DamagedError{Name: s.URI(name), Err: err}
	}
	return r, nil
}

func parseClaim(data []byte, d *Dataset, n int) (*Run, error) {
	r := &Run{}
	var err error
	if r.Sum, err = decode(data, &r.Claim); err != nil {
		return nil, err
	}
	r.raw = data[:len(data)-1]
	id, err := runID(&r.Claim)
	switch {
	case err != nil:
		return nil, err
	case r.Number != n:
		return nil, fmt.Errorf("it is of run %d", r.Number)
	case r.Dataset.ID != d.ID:
		return nil, fmt.Errorf("it is of another dataset, %s, not of %s", r.Dataset.ID, d.ID)
	case !sameRecord(&r.Dataset, d):
		return nil, fmt.Errorf("it is of a dataset with other options than %s has", DatasetName)
	case !isHex(r.Nonce, nonceDigits) || !r.Address().Of(d):
		return nil, fmt.Errorf("its nonce is %q", r.Nonce)
	case r.RunID != id:
		return nil, fmt.Errorf("its run_id is %q, not %s", r.RunID, id)
	case r.Previous != "" && !isHex(r.Previous, 64) || (r.Previous == "") != (n == 1):
		return nil, fmt.Errorf("it names %q as the claim before it", r.Previous)
	}
	return r, r.Plan.check()
}

func sameRecord(a, b *Dataset) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
