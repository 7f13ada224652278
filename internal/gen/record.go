package gen

import (
	"fmt"
	"slices"
)

// outcome is the result of an analysis.
type outcome int

const (
	outcomeClean   outcome = iota // nothing found
	outcomeFound                  // sensitive data
	outcomePartial                // sensitive data; analysed in part
	outcomeSkipped                // not analysed
)

// traits are the rare properties of a line.
type traits uint64

const (
	unicodeName  traits = 1 << iota // a key that isn't ASCII
	quotedName                      // a key with quotes and backslashes
	controlName                     // a key with control characters
	asciiOnly                       // all characters beyond ASCII are escaped
	bigCount                        // a count above 2^31
	bigSize                         // a size above 2^31
	isSample                        // sample: true
	isArchived                      // archived: true
	hasCount                        // the finding's own count
	hasUpdated                      // updatedAt
	oddTimes                        // times with a space or a zone
	sparse                          // many optional fields are absent
	exportNotSet                    // results location of accounts without a repository
	noPath                          // records without a jsonPath
	bracketPath                     // a path that needs no brackets has them
	longPath                        // a path cut to its last 250 characters
	twoKinds                        // a detection with several kinds of location
	insidePages                     // pages with ranges inside
	noLocations                     // a count, but no locations
	manyTypes                       // 20 types
	withCustom                      // custom and managed identifiers
	onlyCustom                      // only custom identifiers
	publicObject                    // the object itself is public
	newTop                          // an unknown field of the line
	newResult                       // … of classificationDetails.result
	newObject                       // … of s3Object
	newAccess                       // … of s3Bucket.publicAccess
	newDetection                    // … of a managed detection
	newCustom                       // … of a custom detection
	newLocation                     // … of one location
	newList                         // … of occurrences
)

// traitRates lists how many lines in a thousand have each trait.
var traitRates = []struct {
	trait    traits
	permille int64
}{
	{unicodeName, 40}, {quotedName, 15}, {controlName, 4}, {asciiOnly, 20}, {bigCount, 2}, {bigSize, 20},
	{isSample, 3}, {isArchived, 8}, {hasCount, 50}, {hasUpdated, 150}, {oddTimes, 10}, {sparse, 30},
	{exportNotSet, 10}, {noPath, 60}, {bracketPath, 30}, {longPath, 5}, {twoKinds, 20}, {insidePages, 80}, {noLocations, 15},
	{manyTypes, 12}, {withCustom, 150}, {onlyCustom, 40}, {publicObject, 30},
	{newTop, 2}, {newResult, 3}, {newObject, 3}, {newAccess, 2}, {newDetection, 3}, {newCustom, 3}, {newLocation, 3}, {newList, 2},
}

func drawTraits(r *rng) (t traits) {
	for _, rate := range traitRates {
		if r.permille(rate.permille) {
			t |= rate.trait
		}
	}
	return t
}

// feature describes a line.
type feature struct {
	format  *format
	outcome outcome
	traits  traits
}

// deck describes the first lines of every sample, however small; the others are
// drawn at random.
var deck = []feature{
	{formatXLSX, outcomeFound, newObject | withCustom},
	{formatCSV, outcomeFound, bigCount | hasUpdated},
	{formatJSON, outcomeFound, unicodeName | newResult | bracketPath},
	{formatZip, outcomeFound, 0},
	{formatJSONL, outcomeFound, noPath | asciiOnly | unicodeName},
	{formatBinary, outcomeSkipped, 0},
	{formatText, outcomePartial, newDetection},
	{formatPDF, outcomeFound, insidePages | publicObject},
	{formatParquet, outcomeFound, bigSize | oddTimes},
	{formatAvro, outcomeClean, newTop},
	{formatWord, outcomeFound, quotedName},
	{formatMail, outcomeFound, onlyCustom | newCustom},
	{formatHTML, outcomeClean, isSample | isArchived | hasCount},
	{formatCSV, outcomeFound, twoKinds | newList},
	{formatTar, outcomePartial, 0},
	{formatJSON, outcomeFound, longPath | newLocation},
	{formatXML, outcomeFound, controlName},
	{formatTSV, outcomeClean, sparse},
	{formatBareCSV, outcomeFound, noLocations | exportNotSet},
	{formatXLS, outcomeFound, withCustom | newAccess},
	{formatLog, outcomeFound, manyTypes},
}

// record is one line to be written.
type record struct {
	traits    traits
	outcome   outcome
	created   int64
	object    *object
	member    *member // nil for an object
	mime      string
	status    string
	reason    string
	size      int64 // sizeClassified
	detected  []detection
	anyCapped bool
	id        string
}

// object is an S3 object.
type object struct {
	bucket          *bucket
	key, ext        string
	size            int64
	modified        int64
	etag, version   string
	storage         string
	encryption, kms string
	public          bool
	tags            []tag
}

// member is a file inside an archive.
type member struct {
	path, ext string
	size      int64
	modified  int64
}

// detection is one type of sensitive data in a record. Its locations are made up
// when it is written.
type detection struct {
	managed *managedType // nil for custom identifiers
	custom  *custom      // nil for managed ones
	count   int64        // as Macie reports it
	format  *format      // decides the kind of its locations
	at      [5]int64     // number of locations by kind
}

func (d *detection) name() string {
	if d.custom != nil {
		return d.custom.name
	}
	return d.managed.name
}

// rank is the position of the detection's category in a line: custom identifiers
// come last.
func (d *detection) rank() int {
	if d.custom != nil {
		return 3
	}
	return slices.Index([]string{financial, personal, credentials}, d.managed.category)
}

func (d *detection) locations() (n int64) {
	for _, k := range d.at {
		n += k
	}
	return n
}

// generator makes up the lines of one source at a time.
type generator struct {
	encoder
	encoding     Encoding
	shape        shape
	site         *site
	rel          string // the source's key
	apiSource    bool   // most of the source is in the API's encoding
	clock        int64
	t            *tally // counts the lines in b
	turn         int64  // lines so far
	unknownTaken bool   // the line's unknown location field is written
	before       map[owner][]earlierAnalysis
}

// chooseStyle draws the encoding of a new line.
func (g *generator) chooseStyle() {
	g.api, g.jumble = g.apiSource, false
	if g.encoding == EncodingMixed && g.r.n(5) < 2 {
		g.jumble = true
	}
	g.nulls = g.r.n(3) > 0
}

// appendObject appends the lines of one object: its own, and for an archive one per
// member. slot is an index into the deck; beyond its end, the object is random.
func (g *generator) appendObject(slot int64) {
	f := g.draw(slot)
	g.chooseStyle()
	before := g.pickEarlier(&f)
	obj := g.pickObject(f, before)
	if !f.format.isArchive() || f.outcome == outcomeClean || f.outcome == outcomeSkipped {
		rec := g.newRecord(f, obj)
		g.repeatAnalysis(&rec, f, before)
		g.remember(&rec, f.format, nil)
		g.appendLine(&rec)
		return
	}

	f.traits &^= bigCount | manyTypes
	parent := g.newRecord(feature{f.format, outcomeClean, f.traits}, obj)
	parent.outcome = f.outcome
	if f.outcome == outcomePartial {
		parent.status, parent.reason = "PARTIAL", pick(g.r, archiveReasons)
	}
	members := make([]record, g.r.heavy(g.shape.members)+1)
	for i := range members {
		mf := g.drawMember(slot, int64(i))
		members[i] = g.newRecord(mf, obj)
		m := &members[i]
		if before != nil && i < len(before.members) {
			m.member = before.members[i]
		} else {
			m.member = &member{
				path:     g.objectName(mf),
				ext:      mf.format.ext,
				size:     m.size,
				modified: obj.modified - g.r.n(90*day)/second*second,
			}
		}
		for _, d := range m.detected {
			parent.add(d)
		}
	}
	slices.SortStableFunc(parent.detected, func(a, b detection) int { return a.rank() - b.rank() })
	g.remember(&parent, f.format, members)
	last := g.r.n(4) == 0
	if !last {
		g.appendLine(&parent)
	}
	for i := range members {
		g.appendLine(&members[i])
	}
	if last {
		g.appendLine(&parent)
	}
}

// add adds a member's detection to the archive's, which has no locations.
func (rec *record) add(d detection) {
	for i := range rec.detected {
		if sum := &rec.detected[i]; sum.managed == d.managed && sum.custom == d.custom {
			sum.count += d.count
			return
		}
	}
	d.at = [5]int64{}
	rec.detected = append(rec.detected, d)
}

func (g *generator) draw(slot int64) feature {
	if slot < int64(len(deck)) {
		f := deck[slot]
		if g.shape.archivesOnly && !f.format.isArchive() {
			f.format = pick(g.r, archives)
			if f.outcome == outcomeClean {
				f.outcome = outcomeFound
			}
		}
		return f
	}
	fits := g.shape.lines == 0 || g.t.rows.Results == 0 // a source of few lines takes an archive only as its first object
	if g.shape.archivesOnly || fits && g.r.permille(8) {
		f := feature{pick(g.r, archives), outcomeFound, drawTraits(g.r)}
		switch x := g.r.n(10); {
		case x < 2:
			f.outcome = outcomePartial
		case x < 3:
			f.outcome = outcomeSkipped
		}
		return f
	}
	return g.drawAny()
}

// drawMember draws the i'th member of the archive in a slot of the deck. In the
// archives profile, members get the features that the deck has for objects.
func (g *generator) drawMember(slot, i int64) feature {
	if card := slot*2 + i; g.shape.archivesOnly && i < 2 && card < int64(len(deck)) && !deck[card].format.isArchive() {
		return deck[card]
	}
	f := g.drawAny()
	if i == 0 {
		f.outcome = outcomeFound
	}
	return f
}

// drawAny draws an object that isn't an archive.
func (g *generator) drawAny() feature {
	f := feature{pick(g.r, formats), outcomeClean, drawTraits(g.r)}
	switch x := g.r.n(1000); {
	case x < 242:
		f.outcome = outcomeFound
	case x < 257:
		f.outcome = outcomePartial
	case x < 317:
		f.outcome = outcomeSkipped
		if g.r.n(2) == 0 {
			f.format = formatBinary
		}
	}
	return f
}

// objectName makes up a key, or a path inside an archive.
func (g *generator) objectName(f feature) string {
	stem := pick(g.r, stems)
	switch {
	case f.traits&controlName != 0:
		stem = pick(g.r, controlStems)
	case f.traits&quotedName != 0:
		stem = pick(g.r, quotedStems)
	case f.traits&unicodeName != 0:
		stem = pick(g.r, unicodeStems)
		if f.traits&asciiOnly != 0 {
			stem = pick(g.r, astralStems)
		}
	}
	name := fmt.Sprintf("%s/%s-%06d", pick(g.r, folders), stem, g.r.n(1_000_000))
	if f.format.ext == "" {
		return name
	}
	return name + "." + f.format.ext
}

// pickObject returns the object of an earlier analysis, or a new one if before is
// nil.
func (g *generator) pickObject(f feature, before *earlierAnalysis) *object {
	if before != nil {
		return before.object
	}
	return g.newObject(f)
}

func (g *generator) newObject(f feature) *object {
	buckets := g.site.region.buckets[g.site.account]
	obj := &object{
		bucket:     &buckets[(g.turn+g.r.n(2))%int64(len(buckets))],
		key:        g.objectName(f),
		ext:        f.format.ext,
		size:       g.r.heavy(1 << 26),
		modified:   g.clock - g.r.n(300*day)/second*second,
		etag:       g.r.hex(32),
		storage:    pick(g.r, storageClasses),
		encryption: encryptionTypes[g.r.n(int64(len(encryptionTypes)))],
		public:     f.traits&publicObject != 0,
	}
	if f.traits&bigSize != 0 {
		obj.size = 1<<31 + g.r.heavy(1<<42)
	}
	if g.r.n(4) == 0 {
		obj.etag += fmt.Sprintf("-%d", g.r.between(2, 900))
	}
	if g.r.n(3) == 0 {
		obj.version = g.r.hex(32)
	}
	if isKMS(obj.encryption) {
		obj.kms = obj.bucket.kms
		if obj.kms == "" {
			obj.kms = kmsKey(g.r, g.site.admin.partition, g.site.region.name)
		}
	}
	for range g.r.n(3) * g.r.n(2) {
		obj.tags = append(obj.tags, objectTags[(int(g.r.n(2))*2+len(obj.tags))%len(objectTags)])
	}
	return obj
}

func (g *generator) newRecord(f feature, obj *object) record {
	rec := record{
		traits: f.traits, outcome: f.outcome, object: obj, mime: f.format.mime,
		id: g.r.hex(32), created: g.clock, status: "COMPLETE", size: obj.size,
	}
	g.clock += g.r.n(3000)
	switch f.outcome {
	case outcomeSkipped:
		rec.status, rec.reason, rec.size = "SKIPPED", pick(g.r, skipReasons), 0
		return rec
	case outcomeClean:
		return rec
	case outcomePartial:
		rec.status, rec.reason, rec.size = "PARTIAL", pick(g.r, partialReasons), obj.size/2
	}

	if f.traits&onlyCustom == 0 {
		n := typesALine[g.r.n(int64(len(typesALine)))]
		if f.traits&manyTypes != 0 {
			n = 20
		}
		for _, m := range g.chooseTypes(n) {
			rec.detected = append(rec.detected, g.newDetection(f, m, nil))
		}
	}
	if f.traits&(withCustom|onlyCustom|newCustom) != 0 {
		customs := g.site.admin.customs
		first := g.r.n(int64(len(customs)))
		for i := range 1 + g.r.n(3) {
			c := &customs[(first+i)%int64(len(customs))]
			rec.detected = append(rec.detected, g.newDetection(f, nil, c))
		}
	}
	if d := &rec.detected[0]; f.traits&bigCount != 0 {
		d.count = 1<<31 + g.r.heavy(1<<32)
	}
	for i := range rec.detected {
		d := &rec.detected[i]
		rec.anyCapped = rec.anyCapped || d.count > d.locations()
	}
	return rec
}

var typesALine = []int64{1, 1, 1, 1, 2, 2, 2, 3, 3, 5}

// chooseTypes returns n types in the order of the vocabulary, which keeps
// categories together. Few of them are credentials.
func (g *generator) chooseTypes(n int64) []*managedType {
	var chosen [64]bool
	for n > 0 {
		i := g.r.n(int64(len(managedTypes)))
		if chosen[i] || managedTypes[i].category == credentials && n < 10 && g.r.n(8) > 0 {
			continue
		}
		chosen[i] = true
		n--
	}
	var list []*managedType
	for i := range managedTypes {
		if chosen[i] {
			list = append(list, &managedTypes[i])
		}
	}
	return list
}

func (g *generator) newDetection(f feature, m *managedType, c *custom) detection {
	d := detection{managed: m, custom: c, format: f.format}
	limit := g.shape.locations
	n := g.r.heavy(limit)
	if g.r.permille(40) {
		n = limit
	}
	if f.traits&twoKinds != 0 {
		n = max(n, 3)
	}
	d.count = n
	switch {
	case n == limit && g.r.n(5) < 3:
		d.count += g.r.heavy(1_000_000)
	case g.r.permille(30):
		d.count += g.r.n(50)
	}
	if f.traits&noLocations != 0 {
		return d
	}
	d.at[f.format.kind] = n
	if f.traits&twoKinds != 0 {
		other := kindLine
		if f.format.kind == kindLine {
			other = kindCell
		}
		d.at[f.format.kind], d.at[other] = n-n/3, n/3
	}
	return d
}
