package change

import (
	"time"

	"github.com/macielake/macielake/internal/awsvalues"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/where"
)

// State is what became of a finding.
type State uint8

// States of a finding, as docs/changes.md has them. The first three and Unchanged and
// NotSeenAgain are open; of those the first two were not open before.
const (
	New State = iota
	Reappeared
	Worse
	NotSeenAgain
	Unchanged
	Resolved
	NoLongerDetected
	Gone
	numStates
)

// States is how many there are.
const States = int(numStates)

// String is the state as filters and answers have it.
func (s State) String() string {
	return [...]string{"new", "reappeared", "worse", "not_seen_again", "unchanged", "resolved", "no_longer_detected", "gone"}[s]
}

// Open reports whether a finding in the state is open now.
func (s State) Open() bool { return s < Resolved }

// Causes of new findings. Other causes are sentences.
const (
	Appeared  = "appeared"   // it is known not to have been there before
	FirstLook = "first_look" // nobody is known to have looked for it before
)

// Change is a finding of an object, and what became of it. It and what it refers to
// are valid until the function that it was given to returns.
type Change struct {
	State State
	// Causes say why it is in that state; none of Unchanged.
	Causes []string

	Partition, Bucket, Key, Account, Region where.Value
	Kind, Category, Type, ID                where.Value // ID is that of a custom identifier
	FirstSeen, LastSeen                     time.Time   // zero where no result says when
	Owner                                   string      // empty where no rule says

	// Before is what was known of it while it was open before, After what is known
	// of it now; of one that is no longer open Count is what there was.
	Before, After Facts
	// ObjectSeverity is the highest of what is open in the object now.
	ObjectSeverity awsvalues.Severity
	// BucketTurned says that it is worse because the bucket became public.
	BucketTurned bool
}

// Facts are what is known of a finding at a point. Texts are empty where nothing is.
type Facts struct {
	Public, Unencrypted string // yes, no or unknown
	Severity            string // of its type and count
	Count               string // of occurrences
	Confirmed           bool

	count int64 // of occurrences, up to what fits
}

// Exposed reports whether the object is public or unencrypted.
func (c *Change) Exposed() bool { return c.After.Public == yes || c.After.Unencrypted == yes }

const yes = "yes"

// Fingerprint identifies the finding: see [current.Fingerprint]. Findings of archives are
// those of the archive as a whole.
func (c *Change) Fingerprint() string {
	name := c.ID
	if name.Null() {
		name = c.Type
	}
	return current.Fingerprint(c.Partition, c.Bucket, c.Key, where.Value{}, c.Kind, c.Category, name)
}

// timeOf is a time in microseconds since 1970; zero for 0.
func timeOf(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}
