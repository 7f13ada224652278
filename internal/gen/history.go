package gen

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// The history profile simulates an estate day by day: objects are created,
// changed, rolled back and deleted, buckets change their exposure and one its
// owner, origins come, go and look for other identifiers. The events are written as
// [Truth] beside the results, so that tests can compare answers with them.

const (
	historyDays     = 120
	jobCopiedDay    = 50 // the weekly job is canceled and copied, with a new id
	handoverDay     = 60 // a bucket is deleted and recreated by another account
	defaultsDay     = 70 // automated discovery's default set changes
	allowListDay    = 80 // the weekly job's allow list hides an identifier
	linesPerSource  = 40
	linesPerSubject = 9 // about how many results an object gets over all days
	bytesPerLine    = 2_000
)

// Truth records the events in the estate of a history sample. Days count from 0;
// times are milliseconds since 1970, UTC.
type Truth struct {
	Start    int64           `json:"start"` // of day 0
	Days     int             `json:"days"`
	Origins  []TruthOrigin   `json:"origins"`
	Buckets  []TruthBucket   `json:"buckets"`
	Objects  []TruthObject   `json:"objects"`
	Sources  []TruthSource   `json:"sources"`
	Analyses []TruthAnalysis `json:"analyses"`
}

// TruthOrigin is a job, or automated discovery of one administrator and Region.
type TruthOrigin struct {
	Admin  string       `json:"admin"`
	Region string       `json:"region"`
	Job    string       `json:"job,omitempty"` // empty for automated discovery
	Scopes []TruthScope `json:"scopes"`        // ascending by day; each is valid until the next one
	// Until is the day of its last run; 0 if it still runs on the last day.
	Until int `json:"until,omitempty"`
}

// TruthScope is the set of identifiers that an origin looks for, from a day on.
type TruthScope struct {
	Day         int      `json:"day"`
	Identifiers []string `json:"identifiers"` // managed types, and names of custom data identifiers
}

// TruthBucket is a bucket's exposure and owner over time.
type TruthBucket struct {
	Name   string             `json:"name"`
	States []TruthBucketState `json:"states"` // ascending by time; each is valid until the next one
}

// TruthBucketState is the exposure and owner of a bucket, from a time on.
type TruthBucketState struct {
	From       int64  `json:"from"`
	Account    string `json:"account"`
	Permission string `json:"permission"` // as Macie would report it
	Encryption string `json:"encryption"` // by default
}

// TruthObject is the content of a key of a bucket over time.
type TruthObject struct {
	Bucket int            `json:"bucket"` // index in Buckets
	Key    string         `json:"key"`
	States []TruthContent `json:"states"` // ascending by time; each is valid until the next one
}

// TruthContent is the content of a key, from a time on.
type TruthContent struct {
	From    int64            `json:"from"`
	Gone    bool             `json:"gone,omitempty"` // the key has no object
	ETag    string           `json:"etag,omitempty"`
	Version string           `json:"version,omitempty"`
	Found   map[string]int64 `json:"found,omitempty"` // occurrences by identifier
	// Members are the contents of the files in an archive, by path; Found is
	// their sum.
	Members map[string]map[string]int64 `json:"members,omitempty"`
}

// TruthSource is a source with the day on which it was delivered.
type TruthSource struct {
	Path string `json:"path"` // relative to the tree, with slashes
	Day  int    `json:"day"`
}

// TruthAnalysis is a result of an object; an archive's members have their own
// lines in the same sources.
type TruthAnalysis struct {
	Result  string `json:"result"` // result_id
	Created int64  `json:"created"`
	Object  int    `json:"object"`  // index in Objects
	State   int    `json:"state"`   // index in the object's States
	Origin  int    `json:"origin"`  // index in Origins
	Sources []int  `json:"sources"` // indexes in Sources; several if it was delivered repeatedly
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
}

// historyBucket is a bucket of the simulation as it is now.
type historyBucket struct {
	bucket
	site site
}

// historyObject is an object of the simulation. Its current content is the
// last state of its truth.
type historyObject struct {
	bucket   int
	format   *format
	storage  string
	versions []historyVersion // earlier ones, in a bucket with versioning: a rollback returns to the last
	now      historyVersion
	gone     bool
	touched  int64 // when the current version was written: recurring jobs analyse objects written since their last run
	truth    int   // index in Truth.Objects
}

// historyVersion is one content of an object.
type historyVersion struct {
	modified      int64
	etag, version string
	size          int64
	encryption    string
	found         map[string]int64
	members       map[string]map[string]int64
}

// historyOrigin is an origin of the simulation.
type historyOrigin struct {
	site    site
	every   int   // days between runs
	first   int   // day of the first run
	until   int   // day after its last run, 0 for none
	sample  int64 // permille of objects that a run picks; 0 for all that were touched since the last run
	lastRun int64
	scope   map[string]bool // names of identifiers
	truth   int
}

type history struct {
	*generator
	tree    *tree
	seed    uint64
	truth   Truth
	buckets []historyBucket
	objects []historyObject
	origins []historyOrigin
	day     int
	pending []delivery
	serial  uint64
}

// delivery is a source that becomes available on a day.
type delivery struct {
	site     site
	records  []record
	analyses []int // per record: index in Truth.Analyses; -1 for an archive member
	day      int
}

// streamHistory is the stream of random numbers of the simulation.
const streamHistory = streamRouter + 1

// writeHistory simulates the days. It writes the delivered sources to t and the truth
// to truthPath.
func writeHistory(ctx context.Context, t *tree, opts Options, truthPath string) error {
	h := &history{
		generator: &generator{encoding: opts.Encoding, shape: newShape(opts.Profile, opts.Size)},
		tree:      t, seed: opts.Seed, truth: Truth{Start: baseTime, Days: historyDays},
	}
	h.r = newRNG(opts.Seed, streamHistory)
	h.build(newEstate(newRNG(opts.Seed, streamEstate)), max(opts.Size/bytesPerLine/linesPerSubject, 40))
	for h.day = range historyDays {
		if err := ctx.Err(); err != nil {
			return err
		}
		h.change()
		for i := range h.origins {
			h.analyse(i)
		}
		if err := h.deliver(); err != nil {
			return err
		}
	}
	// Sources that are due after the last day are not part of the sample.
	h.truth.Analyses = slices.DeleteFunc(h.truth.Analyses, func(a TruthAnalysis) bool { return len(a.Sources) == 0 })
	b, err := json.Marshal(&h.truth)
	if err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	if err := os.WriteFile(truthPath, append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("truth: %w", err)
	}
	return nil
}

// timeAt returns a random time in an hour of the current day.
func (h *history) timeAt(hour int64) int64 {
	return baseTime + int64(h.day)*day + hour*3600*second + h.r.n(3600)*second
}

// build makes the estate of day 0.
func (h *history) build(e *estate, objects int64) {
	for i := range e.admins[:2] {
		a := &e.admins[i]
		for j := range a.regions[:min(2, len(a.regions))] {
			reg := &a.regions[j]
			h.buildOrigins(a, reg)
			for account := range a.accounts[:3] {
				for _, b := range reg.buckets[account][:3] {
					h.buckets = append(h.buckets, historyBucket{bucket: b, site: site{admin: a, region: reg, account: account}})
					h.truth.Buckets = append(h.truth.Buckets, TruthBucket{Name: b.name})
					h.noteBucket(len(h.buckets)-1, baseTime)
				}
			}
		}
	}
	for i := range objects {
		h.create(int(i)%len(h.buckets), baseTime-h.r.n(60*day)/second*second)
	}
}

func (h *history) buildOrigins(a *admin, reg *region) {
	all := make(map[string]bool)
	for i := range managedTypes {
		all[managedTypes[i].name] = true
	}
	defaults, weekly, custom := maps.Clone(all), maps.Clone(all), make(map[string]bool)
	delete(defaults, "LATITUDE_LONGITUDE")
	delete(defaults, "VEHICLE_IDENTIFICATION_NUMBER")
	delete(weekly, "JSON_WEB_TOKEN")
	for _, c := range a.customs[:3] {
		weekly[c.name], custom[c.name] = true, true
	}
	for _, o := range []historyOrigin{
		{site: site{admin: a, region: reg}, every: 1, sample: 30, scope: defaults},
		{site: site{admin: a, region: reg, job: reg.jobs[0]}, every: 7, first: 1, until: jobCopiedDay, scope: weekly},
		{site: site{admin: a, region: reg, job: reg.jobs[1]}, every: 30, first: 10, sample: 400, scope: custom},
		{site: site{admin: a, region: reg, job: reg.jobs[2]}, every: 7, first: jobCopiedDay, scope: all},
	} {
		o.truth = len(h.truth.Origins)
		o.scope = maps.Clone(o.scope)
		h.truth.Origins = append(h.truth.Origins, TruthOrigin{
			Admin: a.id, Region: reg.name, Job: o.site.job, Until: o.until,
			Scopes: []TruthScope{{Day: o.first, Identifiers: slices.Sorted(maps.Keys(o.scope))}},
		})
		h.origins = append(h.origins, o)
	}
}

// noteBucket adds the current state of a bucket to the truth.
func (h *history) noteBucket(i int, at int64) {
	b := &h.buckets[i]
	h.truth.Buckets[i].States = append(h.truth.Buckets[i].States, TruthBucketState{
		From: at, Account: b.site.accountID(), Permission: b.permission, Encryption: b.encryption,
	})
}

// noteObject adds the current content of an object to the truth.
func (h *history) noteObject(o *historyObject, at int64) {
	c := TruthContent{From: at, Gone: o.gone}
	if !o.gone {
		c.ETag, c.Version, c.Found, c.Members = o.now.etag, o.now.version, o.now.found, o.now.members
	}
	states := &h.truth.Objects[o.truth].States
	*states = append(*states, c)
}

// create puts a new object into a bucket.
func (h *history) create(bucket int, at int64) {
	f := feature{format: pick(h.r, formats), traits: drawTraits(h.r) & (unicodeName | quotedName)}
	if h.r.permille(80) {
		f.format = pick(h.r, archives)
	}
	o := historyObject{bucket: bucket, format: f.format, storage: pick(h.r, storageClasses), truth: len(h.truth.Objects)}
	key := h.objectName(f)
	if h.r.n(3) == 0 { // of a family of keys that differ only by day
		key = fmt.Sprintf("daily/%d-%02d-%02d/%s", 2026, 1+h.r.n(4), 1+h.r.n(28), key[strings.LastIndexByte(key, '/')+1:])
	}
	h.truth.Objects = append(h.truth.Objects, TruthObject{Bucket: bucket, Key: key})
	o.now = historyVersion{found: map[string]int64{}}
	h.write(&o, at)
	h.objects = append(h.objects, o)
}

// write gives an object other content, made from the content it has.
func (h *history) write(o *historyObject, at int64) {
	old := o.now
	if old.version != "" {
		o.versions = append(o.versions, old)
	}
	o.now = historyVersion{
		modified: at, etag: h.r.hex(32), size: h.r.heavy(1 << 24),
		encryption: encryptionTypes[h.r.n(int64(len(encryptionTypes)))],
	}
	if o.bucket%2 == 0 {
		o.now.version = h.r.hex(32)
	}
	if !o.format.isArchive() {
		o.now.found = h.mutate(old.found)
	} else {
		o.now.members, o.now.found = map[string]map[string]int64{}, map[string]int64{}
		for _, path := range slices.Sorted(maps.Keys(old.members)) {
			if h.r.n(4) > 0 { // archives shrink
				o.now.members[path] = h.mutate(old.members[path])
			}
		}
		for len(o.now.members) == 0 || h.r.n(3) == 0 {
			o.now.members[h.objectName(feature{format: formatCSV})] = h.mutate(nil)
		}
		for _, found := range o.now.members {
			for name, n := range found {
				o.now.found[name] += n
			}
		}
	}
	o.gone, o.touched = false, at
	h.noteObject(o, at)
}

// mutate returns the occurrences of content that replaces other content.
func (h *history) mutate(old map[string]int64) map[string]int64 {
	found := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		switch h.r.n(10) {
		case 0, 1, 2: // it was removed
		case 3, 4:
			found[name] = old[name] + h.r.heavy(200)
		default:
			found[name] = old[name]
		}
	}
	for h.r.n(5) < 2 {
		name := pick(h.r, managedTypes).name
		if h.r.n(6) == 0 {
			name = customNames[h.r.n(4)]
		}
		if found[name] == 0 {
			found[name] = h.r.heavy(pick(h.r, []int64{20, 100, 300, 3000}))
		}
	}
	return found
}

// change simulates the events of a day.
func (h *history) change() {
	for i := range h.buckets {
		b := &h.buckets[i]
		if h.r.permille(15) {
			b.permission = pick(h.r, []string{"PUBLIC", "NOT_PUBLIC", "NOT_PUBLIC", "UNKNOWN"})
			b.policyOpen, b.publicACL, b.blocked = b.permission == "PUBLIC", false, b.permission != "PUBLIC"
			h.noteBucket(i, h.timeAt(1))
		}
	}
	if h.day == handoverDay {
		h.handOver(0)
	}
	if h.day == defaultsDay || h.day == allowListDay {
		h.changeScopes()
	}
	for i := range h.objects {
		o := &h.objects[i]
		at := h.timeAt(2)
		switch x := h.r.n(1000); {
		case o.gone && x < 10 && h.buckets[o.bucket].site.account == h.accountAtStart(o.bucket):
			h.write(o, at)
		case o.gone:
		case x < 20:
			h.write(o, at)
		case x < 24 && len(o.versions) > 0: // a rollback: the newest version is deleted
			o.now = o.versions[len(o.versions)-1]
			o.versions = o.versions[:len(o.versions)-1]
			h.noteObject(o, at)
		case x < 28:
			o.gone = true
			h.noteObject(o, at)
		}
	}
	for range h.r.n(int64(len(h.objects))/200 + 2) {
		h.create(int(h.r.n(int64(len(h.buckets)))), h.timeAt(3))
	}
}

// accountAtStart is the account that a bucket belonged to on day 0, as an index.
func (h *history) accountAtStart(bucket int) int {
	b := &h.buckets[bucket]
	return slices.Index(b.site.admin.accounts, h.truth.Buckets[bucket].States[0].Account)
}

// handOver deletes a bucket and lets another account create one of its name.
func (h *history) handOver(i int) {
	at := h.timeAt(1)
	for j := range h.objects {
		if o := &h.objects[j]; o.bucket == i && !o.gone {
			o.gone = true
			h.noteObject(o, at)
		}
	}
	b := &h.buckets[i]
	b.site.account = (b.site.account + 1) % 3
	b.created, b.ownerID, b.permission = at, h.r.hex(64), "NOT_PUBLIC"
	b.policyOpen, b.publicACL, b.blocked = false, false, true
	h.noteBucket(i, at)
	for range 5 {
		h.create(i, at+second)
	}
}

// changeScopes changes the identifiers that origins look for.
func (h *history) changeScopes() {
	for i := range h.origins {
		o := &h.origins[i]
		switch {
		case h.day == defaultsDay && o.site.job == "":
			o.scope["LATITUDE_LONGITUDE"] = true
			delete(o.scope, "PHONE_NUMBER")
		case h.day == allowListDay && o.first == jobCopiedDay:
			delete(o.scope, "DATE_OF_BIRTH") // every match is on the allow list now
		default:
			continue
		}
		scopes := &h.truth.Origins[o.truth].Scopes
		*scopes = append(*scopes, TruthScope{Day: h.day, Identifiers: slices.Sorted(maps.Keys(o.scope))})
	}
}

// analyse simulates an origin's run of the day, if it has one.
func (h *history) analyse(i int) {
	o := &h.origins[i]
	if h.day < o.first || (h.day-o.first)%o.every != 0 || o.until > 0 && h.day >= o.until {
		return
	}
	started := h.timeAt(6)
	byAccount := make([]delivery, len(o.site.admin.accounts))
	for j := range h.objects {
		obj := &h.objects[j]
		b := &h.buckets[obj.bucket]
		if b.site.admin != o.site.admin || b.site.region != o.site.region {
			continue
		}
		// A job that lists objects can find some gone when it reads them.
		if obj.gone && (h.r.n(40) > 0 || b.site.account != h.accountAtStart(obj.bucket)) {
			continue
		}
		if o.sample > 0 && !h.r.permille(o.sample) || o.sample == 0 && obj.touched < o.lastRun {
			continue
		}
		d := &byAccount[b.site.account]
		d.site = o.site
		d.site.account = b.site.account
		h.addResult(d, o, obj)
		if len(d.records) >= linesPerSource {
			h.schedule(*d)
			*d = delivery{}
		}
	}
	for _, d := range byAccount {
		if len(d.records) > 0 {
			h.schedule(d)
		}
	}
	o.lastRun = started
}

// addResult adds an origin's result of an object to a delivery.
func (h *history) addResult(d *delivery, o *historyOrigin, obj *historyObject) {
	b := h.buckets[obj.bucket].bucket
	v := &obj.now
	key := h.truth.Objects[obj.truth].Key
	rec := record{
		created: h.timeAt(8) + h.r.n(1000), id: h.r.hex(32), status: "COMPLETE", mime: obj.format.mime, size: v.size,
		object: &object{
			bucket: &b, key: key, ext: obj.format.ext, size: v.size, modified: v.modified, etag: v.etag, version: v.version,
			storage: obj.storage, encryption: v.encryption,
		},
	}
	if isKMS(v.encryption) {
		rec.object.kms = kmsKey(h.r, d.site.admin.partition, d.site.region.name)
	}
	skip := func(reason string) {
		rec.outcome, rec.status, rec.reason, rec.size = outcomeSkipped, "SKIPPED", reason, 0
	}
	found := obj.now.found
	switch x := h.r.n(100); {
	case obj.gone:
		skip("SOURCE_OBJECT_NO_LONGER_AVAILABLE")
	case x < 3:
		skip(pick(h.r, []string{"PERMISSION_DENIED", "INVALID_KMS_KEY", "TIME_CUT_OFF_REACHED"}))
	case x < 5 && !obj.format.isArchive():
		rec.outcome, rec.status, rec.reason = outcomePartial, "PARTIAL", "TIME_CUT_OFF_REACHED"
		found = maps.Clone(found)
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if h.r.n(2) == 0 {
				delete(found, name)
			}
		}
	}
	if rec.status != "SKIPPED" {
		rec.detected = h.detect(o, obj.format, found, !obj.format.isArchive())
	}
	d.analyses = append(d.analyses, len(h.truth.Analyses))
	h.truth.Analyses = append(h.truth.Analyses, TruthAnalysis{
		Result: rec.id, Created: rec.created, Object: obj.truth, State: len(h.truth.Objects[obj.truth].States) - 1,
		Origin: o.truth, Status: rec.status, Reason: rec.reason,
	})
	d.records = append(d.records, rec)
	if rec.status == "SKIPPED" {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(v.members)) {
		m := rec
		m.id, m.mime = h.r.hex(32), formatCSV.mime
		m.member = &member{path: path, ext: formatCSV.ext, size: v.size / 2, modified: v.modified}
		m.detected = h.detect(o, formatCSV, v.members[path], true)
		d.analyses = append(d.analyses, -1)
		d.records = append(d.records, m)
	}
}

// detect returns the detections that an origin makes in some content, managed types first.
func (h *history) detect(o *historyOrigin, f *format, found map[string]int64, located bool) []detection {
	var list []detection
	add := func(name string, m *managedType, c *custom) {
		n := found[name]
		if n == 0 || !o.scope[name] {
			return
		}
		d := detection{managed: m, custom: c, count: n, format: f}
		if located {
			d.at[f.kind] = min(n, 1000)
		}
		list = append(list, d)
	}
	for i := range managedTypes {
		add(managedTypes[i].name, &managedTypes[i], nil)
	}
	for i := range o.site.admin.customs {
		c := &o.site.admin.customs[i]
		add(c.name, nil, c)
	}
	return list
}

// schedule queues a delivery. Most arrive on the same day, some days later, and some
// twice.
func (h *history) schedule(d delivery) {
	d.day = h.day
	if h.r.permille(50) {
		d.day += int(1 + h.r.n(6))
	}
	h.pending = append(h.pending, d)
	if h.r.permille(20) {
		again := d
		again.day += int(1 + h.r.n(20))
		h.pending = append(h.pending, again)
	}
}

// deliver writes the sources that are due on the current day.
func (h *history) deliver() error {
	var later []delivery
	for i := range h.pending {
		d := &h.pending[i]
		if d.day > h.day {
			later = append(later, *d)
			continue
		}
		if err := h.writeDelivery(d); err != nil {
			return err
		}
	}
	h.pending = later
	return nil
}

func (h *history) writeDelivery(d *delivery) error {
	d.site.start = baseTime + int64(d.day)*day + 20*3600*second
	simulated := h.r
	h.startSource(Options{Seed: h.seed, Encoding: h.encoding}, &d.site, int64(h.serial))
	defer func() { h.r = simulated }()
	h.serial++
	o, err := h.tree.open(h.rel)
	if err != nil {
		return err
	}
	for i := range d.records {
		h.chooseStyle()
		h.appendLine(&d.records[i])
		if d.analyses[i] >= 0 {
			a := &h.truth.Analyses[d.analyses[i]]
			a.Sources = append(a.Sources, len(h.truth.Sources))
		}
	}
	if err := o.write(h.b); err != nil {
		o.abort()
		return err
	}
	h.truth.Sources = append(h.truth.Sources, TruthSource{Path: h.rel, Day: d.day})
	return o.close(d.site.start, h.t)
}

// Delivered returns the paths of the sources that exist at the end of a day, in the
// order of their delivery.
func (t *Truth) Delivered(day int) []string {
	var paths []string
	for _, s := range t.Sources {
		if s.Day <= day {
			paths = append(paths, s.Path)
		}
	}
	return paths
}

// At returns the content of a key at a time; false before its first content.
func (o *TruthObject) At(ms int64) (TruthContent, bool) {
	i, exact := slices.BinarySearchFunc(o.States, ms, func(c TruthContent, at int64) int { return cmp.Compare(c.From, at) })
	if exact {
		i++
	}
	if i == 0 {
		return TruthContent{}, false
	}
	return o.States[i-1], true
}
