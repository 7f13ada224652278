package locate

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/macielake/macielake/internal/arrowio"
	"github.com/macielake/macielake/internal/config"
	"github.com/macielake/macielake/internal/current"
	"github.com/macielake/macielake/internal/lake"
	"github.com/macielake/macielake/internal/raw"
	"github.com/macielake/macielake/internal/rows"
	"github.com/macielake/macielake/internal/where"
	"github.com/macielake/macielake/pkg/schema"
)

// Options say what is asked.
type Options struct {
	Target Target
	All    bool // every result, not the current state
	Limit  int  // most objects, the first by their keys; at least 1
	// Until, if not null, is the time as of which the answer is.
	Until where.Value
	// Through, if not nil, reports whether a run of a dataset exists.
	Through func(run string) bool
	// Late, if not nil, reports whether a run began after Until.
	Late func(run string) bool
	// Config, if not nil, has names, and what it says of findings (docs/config.md).
	Config  *config.Config
	Workers int // cores to use
}

// AllObjects is a limit that nothing reaches.
const AllObjects = math.MaxInt

// Finder collects what is asked for, from several inputs one after the other. It
// is not safe for concurrent use.
type Finder struct {
	o       Options
	state   *current.State
	keys    keys
	lakes   []*lake.Lake
	located map[source]map[int64][]Location // of results, by line and detection
}

// New returns a finder that has found nothing yet. The caller closes it.
func New(o Options) *Finder {
	f := &Finder{o: o, located: make(map[source]map[int64][]Location)}
	f.keys = keys{limit: o.Limit, set: make(map[string]struct{})}
	f.state = current.New(current.Options{
		Severity: true, Exposure: true,
		Columns: columns(), Findings: true, All: o.All, Members: true, Keep: f.keeps, Until: o.Until, Through: o.Through, Late: o.Late, Config: o.Config, Workers: o.Workers,
	})
	return f
}

// Close drops what the finder holds.
func (f *Finder) Close() { f.state.Close() }

// Late returns how many results arrived in runs that began after the time as of
// which the answer is: of the bucket that was read.
func (f *Finder) Late() int64 { return f.state.Late() }

// keeps reports whether an object is wanted.
func (f *Finder) keeps(bucket, key []byte) bool {
	return f.o.Target.matches(bucket, key) && f.keys.has(key)
}

// keys are the first keys that match, as many as the limit.
type keys struct {
	limit int
	set   map[string]struct{}
	last  *string // no key after it is wanted; nil for any
	more  bool    // keys were left out
	done  bool    // only keys of the set are wanted
}

// add takes a key that matches.
func (k *keys) add(key []byte) {
	if _, ok := k.set[string(key)]; ok {
		return
	}
	if k.last != nil && string(key) > *k.last {
		k.more = true
		return
	}
	k.set[string(key)] = struct{}{}
	// Twice the limit, so that sorting is rare.
	if len(k.set)/2 > k.limit {
		k.trim()
	}
}

// trim leaves out the keys past the limit.
func (k *keys) trim() {
	if len(k.set) <= k.limit {
		return
	}
	list := make([]string, 0, len(k.set))
	for key := range k.set {
		list = append(list, key)
	}
	slices.Sort(list)
	for _, key := range list[k.limit:] {
		delete(k.set, key)
	}
	k.more, k.last = true, &list[k.limit-1]
}

func (k *keys) has(key []byte) bool {
	_, ok := k.set[string(key)]
	return ok || !k.done && (k.last == nil || string(key) <= *k.last)
}

// AddResults searches discovery results. The tally counts the lines and sources that
// gave no rows.
func (f *Finder) AddResults(ctx context.Context, o raw.Options) (*raw.Tally, error) {
	o.Workers = f.o.Workers
	r := rows.NewBatch(schema.OccurrenceLevel, locationColumns())
	return raw.Scan(ctx, o, func(b *schema.Batch) (*schema.Batch, error) { return b, nil }, func(b *schema.Batch) error {
		if err := f.state.AddBatch(b); err != nil {
			return err
		}
		b.Filter(func(r *schema.Result) bool {
			bucket, key := b.Text(r.Text[schema.BucketName]), b.Text(r.Text[schema.ObjectKey])
			if !f.o.Target.matches(bucket, key) {
				return false
			}
			f.keys.add(key)
			return f.keys.has(key)
		})
		r.Reset(b)
		for r.Next() {
			for row := range r.Len() {
				f.locate(r, row)
			}
		}
		return nil
	})
}

// locate keeps the location in a row.
func (f *Finder) locate(r rows.Rows, row int) {
	at := source{string(r.Value(atURI, row).Text), r.Value(atLine, row).Int}
	if f.located[at] == nil {
		f.located[at] = make(map[int64][]Location)
	}
	index := r.Value(atIndex, row).Int
	f.located[at][index] = append(f.located[at][index], locationOf(r, row))
}

// AddDataset looks through a dataset. Tables that it doesn't have are left out, but
// results must be there.
func (f *Finder) AddDataset(ctx context.Context, l *lake.Lake) error {
	conditions := f.o.Target.conditions()
	if f.o.Target.Prefix {
		if err := f.firstKeys(ctx, l, conditions); err != nil {
			return err
		}
	}
	f.lakes = append(f.lakes, l)
	return f.state.AddBucket(ctx, l, f.o.Target.Bucket, conditions)
}

// firstKeys finds the first keys of a dataset that match.
func (f *Finder) firstKeys(ctx context.Context, l *lake.Lake, conditions []lake.Predicate) error {
	if !l.Has("results") {
		return &lake.NoTableError{Table: "results", Tables: l.Dataset.Tables}
	}
	table := schema.Results()
	bucket, _ := table.Column("bucket_name")
	key, _ := table.Column("object_key")
	q := lake.Query{Table: table.Name, Columns: []string{bucket.Name, key.Name}, Where: conditions, Workers: f.o.Workers}
	return scan(ctx, l, q, arrowio.NewRows(table.Row, []schema.Column{bucket, key}), func(r rows.Rows, row int) {
		if k := r.Value(1, row).Text; f.o.Target.matches(r.Value(0, row).Text, k) {
			f.keys.add(k)
		}
	})
}

// scan calls do for the rows of a table.
func scan(ctx context.Context, l *lake.Lake, q lake.Query, r *arrowio.Rows, do func(r rows.Rows, row int)) error {
	return lake.Scan(ctx, l, q, func(_ int, batch arrow.RecordBatch) (arrow.RecordBatch, error) {
		return batch, nil
	}, func(batch arrow.RecordBatch) error {
		if err := r.Reset(batch); err != nil {
			return err
		}
		for r.Next() {
			for row := range r.Len() {
				do(r, row)
			}
		}
		return nil
	})
}

// Answer returns what was found.
func (f *Finder) Answer(ctx context.Context) (*Answer, error) {
	f.keys.trim()
	if len(f.lakes) > 0 && !f.o.All {
		since, asks, err := f.state.Asks(ctx)
		if err != nil {
			return nil, err
		}
		for _, l := range f.lakes {
			if !asks {
				break
			}
			if err := f.state.AddReports(ctx, l, since); err != nil {
				return nil, err
			}
		}
	}
	byKey := make(map[string]*Object)
	var members []Member
	err := f.state.Each(ctx, func(s *current.Subject) error {
		key := string(s.Values[atObjectKey].Text())
		if _, ok := f.keys.set[key]; !ok && f.o.Target.Prefix {
			return nil // it came before an earlier key
		}
		if s.Member && !f.o.All {
			members = append(members, Member{Path: optional(s.Path), States: []State{stateOf(s)}})
			return nil
		}
		id := string(s.Values[atPartition].Text()) + "\x00" + key
		object := byKey[id]
		if object == nil {
			object = objectOf(s)
			byKey[id] = object
		}
		if s.Member {
			object.add(s)
			return nil
		}
		object.States = append(object.States, stateOf(s))
		object.Members = append(object.Members, members...)
		members = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	a := &Answer{Objects: []Object{}, More: f.keys.more}
	for _, o := range byKey {
		o.sort()
		o.Owner = o.ownerBy(f.o.Config)
		a.Objects = append(a.Objects, *o)
	}
	slices.SortFunc(a.Objects, func(a, b Object) int {
		return cmp.Or(compareText(a.Key, b.Key), compareText(a.Partition, b.Partition))
	})
	return a, f.findLocations(ctx, a)
}

// add adds a result of a member, where every result counts.
func (o *Object) add(s *current.Subject) {
	path := optional(s.Path)
	i := slices.IndexFunc(o.Members, func(m Member) bool { return compareText(m.Path, path) == 0 })
	if i < 0 {
		i = len(o.Members)
		o.Members = append(o.Members, Member{Path: path})
	}
	o.Members[i].States = append(o.Members[i].States, stateOf(s))
}

// sort puts members by their paths, and results the newest first.
func (o *Object) sort() {
	newest := func(a, b State) int {
		if a.known != b.known {
			return compareAbsent(!a.known, !b.known)
		}
		return -cmp.Compare(a.created, b.created)
	}
	slices.SortStableFunc(o.States, newest)
	slices.SortStableFunc(o.Members, func(a, b Member) int { return compareText(a.Path, b.Path) })
	for i := range o.Members {
		slices.SortStableFunc(o.Members[i].States, newest)
	}
}

// findLocations gives the findings of an answer their locations.
func (f *Finder) findLocations(ctx context.Context, a *Answer) error {
	wanted := make(map[source]struct{})
	a.eachFinding(func(d *Finding) { wanted[d.from] = struct{}{} })
	if len(wanted) > 0 {
		if err := f.readLocations(ctx, wanted); err != nil {
			return err
		}
	}
	a.eachFinding(func(d *Finding) {
		d.Locations = append(d.Locations, f.located[d.from][d.index]...)
		sortLocations(d.Locations)
	})
	return nil
}

// readLocations reads the locations of some lines from the datasets.
func (f *Finder) readLocations(ctx context.Context, wanted map[source]struct{}) error {
	var uris []string
	for s := range wanted {
		uris = append(uris, s.uri)
	}
	slices.Sort(uris)
	uris = slices.Compact(uris)
	columns := locationColumns()
	table := schema.Occurrences()
	seen := make(map[source]struct{}) // in an earlier dataset
	for _, l := range f.lakes {
		if !l.Has(table.Name) {
			continue
		}
		q := lake.Query{Table: table.Name, Where: append(f.o.Target.conditions(), lake.OneOf("source_uri", uris...)), Workers: f.o.Workers}
		for _, c := range columns {
			q.Columns = append(q.Columns, c.Name)
		}
		err := scan(ctx, l, q, arrowio.NewRows(table.Row, columns), func(r rows.Rows, row int) {
			at := source{string(r.Value(atURI, row).Text), r.Value(atLine, row).Int}
			_, want := wanted[at]
			if _, twice := seen[at]; want && !twice && f.o.Target.matches(r.Value(atBucket, row).Text, r.Value(atKey, row).Text) {
				f.locate(r, row)
			}
		})
		if err != nil {
			return err
		}
		for at := range f.located {
			seen[at] = struct{}{}
		}
	}
	return nil
}

// eachFinding calls do for every finding of the answer.
func (a *Answer) eachFinding(do func(*Finding)) {
	states := func(list []State) {
		for i := range list {
			for j := range list[i].Findings {
				do(&list[i].Findings[j])
			}
		}
	}
	for i := range a.Objects {
		states(a.Objects[i].States)
		for j := range a.Objects[i].Members {
			states(a.Objects[i].Members[j].States)
		}
	}
}

// Places of the columns of a state.
const (
	atPartition = iota
	atBucketName
	atObjectKey
	atAccount
	atRegion
	atTags
	atBucketTags
	atStatus
	atReason
	atCreated
	atJob
	atOrigin
	atMimeType
	atSize
	atClassified
	atModified
	atVersion
	atResultID
	atSourceURI
	atSourceLine
)

// columns are the columns of a state, in the order of their places.
func columns() []current.Column {
	text := func(name string, slot int, from current.From) current.Column {
		return current.Column{Table: []string{name}, From: from, Value: func(b *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
			if s := r.Text[slot]; !s.Null() {
				return where.TextValue(b.Text(s))
			}
			if slot == schema.SourceURI {
				return where.TextValue([]byte(b.Sources[r.Source].URI))
			}
			return where.Value{}
		}}
	}
	number := func(name string, slot int) current.Column {
		return current.Column{Table: []string{name}, Kind: where.Int, Value: func(_ *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
			if !r.HasInt(slot) && slot != schema.SourceLine {
				return where.Value{}
			}
			return where.IntValue(r.Int[slot])
		}}
	}
	// Of a member its own, where it has one.
	either := func(name string, slot int, member string, own int) current.Column {
		return current.Column{Table: []string{name, member, "is_archive_member"}, Kind: where.Int, Value: func(_ *schema.Batch, r *schema.Result, _ *[]byte) where.Value {
			at := slot
			if isMember, _ := r.Bool(schema.IsArchiveMember); isMember {
				at = own
			}
			if !r.HasInt(at) {
				return where.Value{}
			}
			return where.IntValue(r.Int[at])
		}}
	}
	tags := func(name string, slot int, from current.From) current.Column {
		return current.Column{
			Table: []string{name}, From: from, Has: func(r *schema.Result) bool { return r.MapSet&(1<<slot) != 0 },
			Value: func(b *schema.Batch, r *schema.Result, scratch *[]byte) where.Value {
				if r.MapSet&(1<<slot) == 0 {
					return where.Value{}
				}
				start := len(*scratch)
				for i := r.Maps[slot].First; i < r.Maps[slot].End; i++ {
					*scratch = where.AppendText(*scratch, b.Text(b.Tags[i].Key))
					if v := b.Tags[i].Value; v.Null() {
						*scratch = append(*scratch, 0)
					} else {
						*scratch = where.AppendText(*scratch, b.Text(v))
					}
				}
				return where.TextValue((*scratch)[start:len(*scratch):len(*scratch)])
			},
		}
	}
	return []current.Column{
		text("aws_partition", schema.AWSPartition, current.FromStanding), text("bucket_name", schema.BucketName, current.FromStanding),
		text("object_key", schema.ObjectKey, current.FromStanding), text("account_id", schema.AccountID, current.FromBucket),
		text("region", schema.Region, current.FromBucket), tags("object_tags", schema.ObjectTags, current.FromNewest),
		tags("bucket_tags", schema.BucketTags, current.FromBucket), text("status_code", schema.StatusCode, current.FromStanding),
		text("status_reason", schema.StatusReason, current.FromStanding), number("created_at", schema.CreatedAt),
		text("job_id", schema.JobID, current.FromStanding), text("origin_type", schema.OriginType, current.FromStanding),
		text("mime_type", schema.MimeType, current.FromStanding),
		either("object_size", schema.ObjectSize, "archive_member_size", schema.ArchiveMemberSize),
		number("size_classified", schema.SizeClassified),
		either("object_last_modified", schema.ObjectLastModified, "archive_member_last_modified", schema.ArchiveMemberLastModified),
		text("object_version_id", schema.ObjectVersionID, current.FromStanding), text("result_id", schema.ResultID, current.FromStanding),
		text("source_uri", schema.SourceURI, current.FromStanding), number("source_line", schema.SourceLine),
	}
}

func optional(v where.Value) *string {
	if v.Null() {
		return nil
	}
	s := string(v.Text())
	return &s
}

func number(v where.Value) *int64 {
	if v.Null() {
		return nil
	}
	n := v.Int()
	return &n
}

// timeOf returns a time as RFC 3339 has it.
func timeOf(v where.Value) *string {
	if v.Null() {
		return nil
	}
	s := time.UnixMicro(v.Int()).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
	return &s
}

func named(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// tagsOf returns the tags in a value; nil where they aren't known.
func tagsOf(v where.Value) map[string]*string {
	if v.Null() {
		return nil
	}
	tags := make(map[string]*string)
	for rest := v.Text(); len(rest) > 0; {
		var key []byte
		var value where.Value
		key, _, rest = where.TakeBytes(rest)
		value, rest = where.TakeValue(rest, where.Text)
		tags[string(key)] = optional(value)
	}
	return tags
}

// objectOf returns an object without its states.
func objectOf(s *current.Subject) *Object {
	v := s.Values
	o := &Object{
		Bucket: optional(v[atBucketName]), Key: optional(v[atObjectKey]), Partition: optional(v[atPartition]),
		Account: optional(v[atAccount]), Region: optional(v[atRegion]),
		Exposure: Exposure{
			Public: s.Public.String(), Unencrypted: s.Unencrypted.String(), PublicAccess: optional(s.PublicAccess),
			Encryption: optional(s.ObjectEncryption), BucketEncryption: optional(s.BucketEncryption),
		},
		Tags: tagsOf(v[atTags]), BucketTags: tagsOf(v[atBucketTags]), Members: []Member{},
	}
	o.URI = "s3://" + string(v[atBucketName].Text()) + "/" + string(v[atObjectKey].Text())
	if s.ObjectPublic != current.Unknown {
		public := s.ObjectPublic == current.Yes
		o.ObjectPublic = &public
	}
	return o
}

// ownerBy returns whose the object is; nil where no rule says.
func (o *Object) ownerBy(c *config.Config) *string {
	if c == nil {
		return nil
	}
	name := c.OwnerOf(&config.Object{
		Account: *orEmpty(o.Account), Bucket: *orEmpty(o.Bucket), Key: *orEmpty(o.Key),
		Tag: func(key string) (string, bool) {
			for _, tags := range [...]map[string]*string{o.Tags, o.BucketTags} {
				if v := tags[key]; v != nil {
					return *v, true
				}
			}
			return "", false
		},
	})
	if name == "" {
		return nil
	}
	return &name
}

// resultOf returns a result of a state.
func resultOf(r *current.Result) Result {
	v := r.Values
	return Result{
		Analysed: r.Analysis, Status: optional(v[atStatus]), Reason: optional(v[atReason]), CreatedAt: timeOf(v[atCreated]),
		JobID: optional(v[atJob]), OriginType: optional(v[atOrigin]), MimeType: optional(v[atMimeType]), Size: number(v[atSize]),
		Classified: number(v[atClassified]), LastModified: timeOf(v[atModified]), VersionID: optional(v[atVersion]),
		ResultID: optional(v[atResultID]), SourceURI: optional(v[atSourceURI]), SourceLine: number(v[atSourceLine]),
	}
}

// stateOf returns the state of a subject.
func stateOf(s *current.Subject) State {
	out := State{
		Result: resultOf(s.Standing), Gone: named(s.Gone.String()), Severity: optional(s.Severity), Results: s.Results,
		MembersExceed: s.MembersExceed, Findings: []Finding{}, Closed: []Closed{},
		created: s.Standing.Created.Int(), known: !s.Standing.Created.Null(),
	}
	if s.Missed != nil {
		missed := resultOf(s.Missed)
		out.Missed = &missed
	}
	for i := range s.Findings {
		f := findingOf(&s.Findings[i])
		v := s.Values
		f.Fingerprint = s.Findings[i].Fingerprint(v[atPartition], v[atBucketName], v[atObjectKey], s.Path)
		out.Findings = append(out.Findings, f)
	}
	for i := range s.Closed {
		c := &s.Closed[i]
		out.Closed = append(out.Closed, Closed{optional(c.Type), optional(c.Category()), optional(c.Kind()), optional(c.Identifier), c.End.String()})
	}
	slices.SortStableFunc(out.Findings, func(a, b Finding) int {
		return cmp.Or(-strings.Compare(*orEmpty(a.Kind), *orEmpty(b.Kind)), compareText(a.Category, b.Category),
			compareText(a.Type, b.Type), compareText(a.Identifier, b.Identifier))
	})
	slices.SortStableFunc(out.Closed, func(a, b Closed) int {
		return cmp.Or(compareText(a.Category, b.Category), compareText(a.Type, b.Type))
	})
	return out
}

func orEmpty(s *string) *string {
	if s == nil {
		s = new(string)
	}
	return s
}

func findingOf(f *current.Finding) Finding {
	out := Finding{
		Type: optional(f.Type), Category: optional(f.Category()), Kind: optional(f.Kind()), Identifier: optional(f.Identifier),
		State: "unconfirmed", Severity: named(f.Severity().String()), LocationCount: f.Locations,
		Unlocated: Number(f.Unlocated().String()), Cause: named(f.Cause()), Locations: []Location{},
	}
	if f.Confirmed {
		out.State = "confirmed"
	}
	if f.HasCount {
		out.Count = Number(f.Count.String())
	}
	if f.By != nil {
		v := f.By.Values
		out.JobID, out.ResultID = optional(v[atJob]), optional(v[atResultID])
		out.from, out.index = source{string(v[atSourceURI].Text()), v[atSourceLine].Int()}, int64(f.Index)
	}
	return out
}
