package gen

import (
	"fmt"

	"github.com/macielake/macielake/internal/keylayout"
)

// baseTime is when samples begin: 2026-01-05T00:00:00Z, in milliseconds since 1970.
const baseTime = 1_767_571_200_000

const (
	second = int64(1000)
	day    = 86_400 * second
)

// estate is the organisation whose results a sample holds.
type estate struct{ admins []admin }

// admin is a Macie administrator account with its results bucket and jobs.
type admin struct {
	id, partition, resultsBucket string
	regions                      []region
	accounts                     []string // member accounts, its own first
	customs                      []custom
}

// region is one region of an admin.
type region struct {
	name    string
	jobs    []string   // ids, 32 hexadecimal digits
	buckets [][]bucket // by account
}

// custom is a custom data identifier.
type custom struct{ id, arn, name string }

// bucket is an analysed S3 bucket as Macie describes it.
type bucket struct {
	name, arn             string
	created               int64
	ownerName, ownerID    string
	encryption, kms       string
	permission            string
	uploads               string // allowsUnencryptedObjectUploads
	tags                  []tag
	publicACL, policyOpen bool
	blocked               bool // all block-public-access switches
}

type tag struct{ key, value string }

var adminSites = []struct {
	partition string
	regions   []string
}{
	{"aws", []string{"us-east-1", "eu-west-1", "ap-southeast-2"}},
	{"aws", []string{"eu-central-1", "us-west-2"}},
	{"aws-us-gov", []string{"us-gov-west-1"}},
	{"aws-cn", []string{"cn-north-1"}},
}

const (
	accountsPerAdmin  = 6
	jobsPerRegion     = 4
	bucketsPerAccount = 7
	customsPerAdmin   = 6
)

func newEstate(r *rng) *estate {
	var e estate
	serial := r.n(100) // no two accounts or buckets share one
	for i, site := range adminSites {
		a := admin{partition: site.partition, resultsBucket: "macie-results-" + r.hex(8)}
		for range accountsPerAdmin {
			a.accounts = append(a.accounts, accountID(serial))
			serial++
		}
		a.id = a.accounts[0]
		for j := range customsPerAdmin {
			id := r.uuid()
			a.customs = append(a.customs, custom{
				id:   id,
				arn:  fmt.Sprintf("arn:%s:macie2:%s:%s:custom-data-identifier/%s", site.partition, site.regions[0], a.id, id),
				name: customNames[(i*4+j)%len(customNames)],
			})
		}
		for _, name := range site.regions {
			reg := region{name: name}
			for range jobsPerRegion {
				reg.jobs = append(reg.jobs, r.hex(32))
			}
			for range a.accounts {
				var bs []bucket
				for range bucketsPerAccount {
					bs = append(bs, newBucket(r, serial, site.partition, name))
					serial++
				}
				reg.buckets = append(reg.buckets, bs)
			}
			a.regions = append(a.regions, reg)
		}
		e.admins = append(e.admins, a)
	}
	return &e
}

// accountID returns a 12-digit number of the form that AWS documentation uses
// for examples (111122223333).
func accountID(n int64) string {
	d := [3]int64{n % 9, n / 9 % 9, n / 81 % 9}
	return fmt.Sprintf("%[1]d%[1]d%[1]d%[1]d%[2]d%[2]d%[2]d%[2]d%[3]d%[3]d%[3]d%[3]d", d[0]+1, d[1]+1, d[2]+1)
}

// newBucket makes up the n'th bucket. Properties with few values cycle with n, so
// that small samples have them all.
func newBucket(r *rng, n int64, partition, region string) bucket {
	b := bucket{
		name:       fmt.Sprintf("%s-%s-%s", pick(r, bucketWords), region, r.hex(6)),
		created:    baseTime - r.between(200, 3000)*day - r.n(day),
		ownerName:  pick(r, ownerNames),
		ownerID:    r.hex(64),
		encryption: encryptionTypes[n%int64(len(encryptionTypes))],
		permission: "NOT_PUBLIC",
		uploads:    []string{"TRUE", "FALSE", "UNKNOWN"}[n%3],
		blocked:    true,
	}
	b.arn = "arn:" + partition + ":s3:::" + b.name
	if isKMS(b.encryption) {
		b.kms = kmsKey(r, partition, region)
	}
	switch n % 7 {
	case 2:
		b.permission, b.publicACL, b.blocked = "PUBLIC", n%2 == 0, false
		b.policyOpen = !b.publicACL
	case 5:
		b.permission = "UNKNOWN"
	}
	for i := range n % 4 {
		b.tags = append(b.tags, bucketTags[(n+i)%int64(len(bucketTags))])
	}
	return b
}

func isKMS(encryption string) bool { return encryption == "aws:kms" || encryption == "aws:kms:dsse" }

func kmsKey(r *rng, partition, region string) string {
	return fmt.Sprintf("arn:%s:kms:%s:%s:key/%s", partition, region, accountID(r.n(700)), r.uuid())
}

// site is the part of an estate that a source reports on. It determines the source's
// key, and the values that its records share.
type site struct {
	admin   *admin
	region  *region
	account int    // index in admin.accounts
	job     string // empty for automated discovery
	folder  string // of a large archive; mostly empty
	bare    bool   // no affected-account level in the key
	start   int64  // time of its first record
}

func (s *site) accountID() string { return s.admin.accounts[s.account] }

// rel returns the key of a new source of this site.
func (s *site) rel(r *rng) string {
	job := s.job
	if job == "" {
		job = "automated-sensitive-data-discovery"
	}
	rel := keylayout.RegionDir("", s.admin.id, s.region.name) + job + "/"
	if !s.bare {
		rel += s.accountID() + "/"
	}
	if s.folder != "" {
		rel += s.folder + "/"
	}
	return rel + r.uuid() + ".jsonl.gz"
}

// router chooses the site of one source after the other.
type router struct {
	r      *rng
	estate *estate
	last   site
	follow int // how many of the next sources have the site last
}

const months = 5

// next returns the site of the i'th source. The first eight take turns, so that small
// samples have every kind of site.
func (p *router) next(i int64) site {
	if p.follow > 0 {
		p.follow--
		p.last.start += p.r.n(30) * second
		return p.last
	}
	turn := p.r.n(40)
	month := p.r.n(months)
	who := p.r.n(int64(len(p.estate.admins)) + 3) // the first admin is the largest
	if i < 8 {
		turn, month, who = i, i%months, i
	}
	if who >= int64(len(p.estate.admins)) {
		who = 0
	}
	var at site
	at.admin = &p.estate.admins[who]
	at.region = &at.admin.regions[p.r.n(int64(len(at.admin.regions)))]
	at.account = int(p.r.n(int64(len(at.admin.accounts))))
	at.job = pick(p.r, at.region.jobs)
	at.start = baseTime + month*30*day + p.r.n(22*day)/second*second // stays within a calendar month
	switch turn {
	case 1, 8, 9:
		at.bare = true
	case 2, 10, 11, 12, 13, 14, 15:
		at.job = ""
	case 5, 16:
		at.folder, p.follow = p.r.uuid(), 2
	}
	p.last = at
	return at
}
