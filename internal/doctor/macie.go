package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/kms"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/s3"
)

// asks is how many regions are asked at a time.
const asks = 8

// answer is what a region's Macie said.
type answer struct {
	region string
	export *macie.Export
	err    error
}

// macie asks the regions' Macie where its results go, and audits those places.
func (d *doctor) macie(ctx context.Context) {
	regions := d.o.Regions
	if len(regions) == 0 {
		regions = []string{d.o.AWS.Macie.Region()}
	}
	answers := make([]answer, len(regions))
	var group errgroup.Group
	group.SetLimit(asks)
	for i, region := range regions {
		group.Go(func() error {
			export, err := d.o.AWS.Macie.Export(ctx, region)
			answers[i] = answer{region, export, err}
			return nil
		})
	}
	_ = group.Wait() // their errors are in the answers
	var without []string
	buckets := map[string]*settings{}
	for _, a := range answers {
		var notEnabled *macie.NotEnabledError
		if len(regions) > 1 && (errors.As(a.err, &notEnabled) || notOptedIn(a)) {
			without = append(without, a.region)
			continue
		}
		s := d.report.section(macieSubject, "macie://"+a.region)
		if a.err != nil {
			d.fail(s, "repository", a.err)
			continue
		}
		d.audit(ctx, s, a.export, buckets)
	}
	if len(without) == 0 {
		return
	}
	s := d.report.section(macieSubject, "elsewhere")
	if len(without) == len(regions) {
		s.failed("enabled", "enable Macie, or ask as the account that administers it", "Macie is not enabled in any of %d regions", len(regions))
		return
	}
	s.ok("enabled", "Macie, or the region, is not enabled in %s", strings.Join(without, ", "))
}

// notOptedIn reports whether a region that has to be opted into wasn't: it then
// knows no credentials of the account.
func notOptedIn(a answer) bool {
	return a.err != nil && policy.OptIn(a.region) && awsclient.KindOf(a.err) == awsclient.BadCredentials
}

// settings are those of a bucket that several regions may share.
type settings struct {
	bucket        *s3.Bucket
	err           error // of finding the bucket
	access        s3.PublicAccess
	accessErr     error
	public        bool
	publicErr     error
	encryption    s3.Encryption
	encryptionErr error
	policy        *policy.Document // nil where there is none
	policyErr     error
	retention     string // of Object Lock, by default; empty for none
	retentionErr  error
	account       s3.PublicAccess // what the bucket's account blocks
	accountErr    error
}

func (d *doctor) settings(ctx context.Context, export *macie.Export) *settings {
	b, err := d.o.AWS.S3.Bucket(ctx, export.Bucket)
	if err != nil {
		return &settings{err: err}
	}
	if export.Owner != "" {
		b = b.OwnedBy(export.Owner)
	}
	t := &settings{bucket: b}
	t.access, t.accessErr = b.PublicAccess(ctx)
	t.public, t.publicErr = b.PolicyIsPublic(ctx)
	t.encryption, t.encryptionErr = b.Encryption(ctx)
	raw, err := b.Policy(ctx)
	if err == nil && raw != "" {
		t.policy, err = policy.Parse([]byte(raw))
	}
	t.policyErr = err
	t.retention, t.retentionErr = b.DefaultRetention(ctx)
	t.account, t.accountErr = d.accountAccess(ctx, export, b)
	return t
}

// accountAccess asks what the account of a bucket blocks, if that is ours: no other
// can be asked.
func (d *doctor) accountAccess(ctx context.Context, export *macie.Export, b *s3.Bucket) (s3.PublicAccess, error) {
	owned := export.Owner == d.caller.Account
	if export.Owner == "" && d.caller.Account != "" {
		var err error
		if owned, err = b.IsOwnedBy(ctx, d.caller.Account); err != nil {
			return s3.PublicAccess{}, err
		}
	}
	if !owned || d.caller.Account == "" {
		return s3.PublicAccess{}, errOtherAccount
	}
	return d.o.AWS.S3.AccountPublicAccess(ctx, d.caller.Account, b.Region)
}

var errOtherAccount = errors.New("the bucket belongs to another account, and only that account can be asked")

// audit looks at the place that a region's results go to.
func (d *doctor) audit(ctx context.Context, s *Section, export *macie.Export, buckets map[string]*settings) {
	s.ok("repository", "%s", export.URI())
	t := buckets[export.Bucket+" "+export.Owner]
	if t == nil {
		t = d.settings(ctx, export)
		buckets[export.Bucket+" "+export.Owner] = t
	}
	if t.err != nil {
		d.fail(s, "bucket", t.err)
		return
	}
	r := policy.Repository{
		Place:   policy.Place{Bucket: export.Bucket, Prefix: export.Prefix, Region: t.bucket.Region},
		Account: export.Account, Regions: []string{export.Region},
	}
	if export.Key != "" {
		r.Keys = []string{export.Key}
	}
	d.addRepository(r)
	if home := t.bucket.Region; policy.OptIn(home) && home != export.Region {
		s.failed("bucket", "use a bucket in "+export.Region+", or in a region that is enabled by default",
			"%s is in %s, a region to opt into, which can take results of that region only", export.Bucket, home)
	} else {
		s.ok("bucket", "%s in %s", export.Bucket, regionText(t.bucket))
	}
	d.auditKey(ctx, s, &r, export)
	d.auditLock(s, t)
	d.auditEncryption(s, t)
	d.auditPublic(s, t)
	d.auditPolicy(s, &r, export, t)
}

// addRepository notes a repository; regions that share one become one.
func (d *doctor) addRepository(r policy.Repository) {
	for i := range d.repositories {
		known := &d.repositories[i]
		if known.Bucket == r.Bucket && known.Prefix == r.Prefix && slices.Equal(known.Keys, r.Keys) {
			known.Regions = append(known.Regions, r.Regions...)
			return
		}
	}
	d.repositories = append(d.repositories, r)
}

// auditKey looks at the key: at its name, and as far as that is allowed at what it
// is and at its policy.
func (d *doctor) auditKey(ctx context.Context, s *Section, r *policy.Repository, export *macie.Export) {
	const name = "key"
	home := r.Region
	parts := strings.SplitN(export.Key, ":", 6)
	const fix = "configure a customer managed, symmetric key of the bucket's region in Macie's settings"
	switch {
	case export.Key == "":
		s.failed(name, fix, "no KMS key is configured")
	case len(parts) != 6 || parts[2] != "kms" || !strings.HasPrefix(parts[5], "key/") && !strings.HasPrefix(parts[5], "alias/"):
		s.failed(name, fix, "%s is no ARN of a KMS key", export.Key)
	case strings.HasPrefix(parts[5], "alias/aws/"):
		s.failed(name, fix, "%s is a key that AWS manages", export.Key)
	case home != "" && parts[3] != home:
		s.failed(name, fix, "%s is in another region than the bucket, %s", export.Key, home)
	default:
		s.ok(name, "%s", export.Key)
		d.auditKeyState(ctx, s, r, export)
	}
}

// auditKeyState asks KMS whether Macie can encrypt with the key.
func (d *doctor) auditKeyState(ctx context.Context, s *Section, r *policy.Repository, export *macie.Export) {
	key, err := d.o.AWS.KMS.Describe(ctx, export.Key)
	const name = "key_state"
	missing := (*kms.NoKeyError)(nil)
	switch {
	case errors.As(err, &missing):
		s.failed(name, "configure a key that exists: Macie can't store results without it", "%v", err)
		return
	case err != nil:
		d.unknown(s, name, err)
		d.unknown(s, "key_policy", err)
		return
	case key.State != "Enabled":
		s.failed(name, "enable the key, or configure another one: Macie can't store results without it", "the key is %s", key.State)
	case key.Spec != "SYMMETRIC_DEFAULT" || key.Usage != "ENCRYPT_DECRYPT":
		s.failed(name, "configure a symmetric key for encryption", "the key is %s for %s", key.Spec, key.Usage)
	case key.Manager != "CUSTOMER":
		s.failed(name, "configure a customer managed key", "the key is managed by %s", key.Manager)
	default:
		s.ok(name, "enabled, symmetric, customer managed")
	}
	p, err := d.o.AWS.KMS.Policy(ctx, key.ARN)
	if err != nil {
		d.unknown(s, "key_policy", err)
		return
	}
	var verdicts []policy.Verdict
	for _, arn := range arns(export.Region, export.Account) {
		for _, action := range []string{"kms:GenerateDataKey", "kms:Encrypt"} {
			req := request(r, export.Region, export.Account, arn, export.Place())
			req.Action, req.Resource = action, key.ARN
			delete(req.Context, sseAlgorithm)
			delete(req.Context, sseKey)
			verdicts = append(verdicts, p.Evaluate(req))
		}
	}
	permits(s, "key_policy", "key", "encrypt results with the key (kms:GenerateDataKey, kms:Encrypt)", verdicts...)
}

// auditLock looks whether Object Lock keeps new objects: Macie then can't write
// (Macie user guide, "Storing and retaining sensitive data discovery results").
func (d *doctor) auditLock(s *Section, t *settings) {
	const name = "object_lock"
	switch {
	case t.retentionErr != nil:
		d.unknown(s, name, t.retentionErr)
	case t.retention != "":
		s.failed(name, "remove the default retention, or use another bucket: Macie can't store results there",
			"the bucket's Object Lock has a default retention: %s", t.retention)
	default:
		s.ok(name, "no default retention")
	}
}

func (d *doctor) auditEncryption(s *Section, t *settings) {
	const name = "bucket_default"
	switch e := t.encryption; {
	case t.encryptionErr != nil:
		d.unknown(s, name, t.encryptionErr)
	case e.Key == "" && strings.HasPrefix(e.Algorithm, "aws:kms"):
		s.ok(name, "the bucket encrypts with %s and the key of AWS what comes without a key; results come with theirs", e.Algorithm)
	case e.Key != "":
		saving := ""
		if !e.BucketKey {
			saving = "; an S3 Bucket Key would save requests to KMS"
		}
		s.ok(name, "the bucket encrypts with %s and %s what comes without a key%s", e.Algorithm, e.Key, saving)
	case e.Algorithm == "":
		s.ok(name, "the bucket has no encryption of its own; results come with theirs")
	default:
		s.ok(name, "the bucket encrypts with %s what comes without a key; results come with theirs", e.Algorithm)
	}
}

func (d *doctor) auditPublic(s *Section, t *settings) {
	const (
		name = "public_access"
		fix  = "turn on all four settings of Block Public Access on the bucket"
	)
	switch {
	case t.publicErr == nil && t.public:
		s.failed(name, "take from the bucket's policy what lets the public in, and block public access", "the bucket's policy lets the public in")
	case t.accountErr == nil && t.account.Blocked():
		s.ok(name, "blocked for all buckets of the account")
	case t.accessErr != nil:
		d.unknown(s, name, t.accessErr)
	case t.access.Blocked():
		s.ok(name, "blocked for the bucket")
	case t.accountErr == nil && t.access.And(t.account).Blocked():
		s.ok(name, "blocked by the settings of the bucket and the account together")
	default:
		access := t.access
		if t.accountErr == nil {
			access = access.And(t.account)
		}
		var off []string
		for _, setting := range []struct {
			name string
			on   bool
		}{
			{"BlockPublicAcls", access.BlockACLs}, {"IgnorePublicAcls", access.IgnoreACLs},
			{"BlockPublicPolicy", access.BlockPolicy}, {"RestrictPublicBuckets", access.RestrictBucket},
		} {
			if !setting.on {
				off = append(off, setting.name)
			}
		}
		if t.accountErr != nil {
			s.notKnown(name, fix, "the bucket leaves off %s, and whether its account blocks them isn't known: %v", strings.Join(off, ", "), t.accountErr)
			return
		}
		s.failed(name, fix, "neither the bucket nor its account turns on %s", strings.Join(off, ", "))
	}
}

// unknown adds a check that could not be made: whoever may convert need not be
// allowed to audit.
func (d *doctor) unknown(s *Section, name string, err error) {
	s.notKnown(name, d.fix(err), "%v", err)
}

// Keys of conditions, as policy.Request has them.
const (
	sourceAccount   = "aws:sourceaccount"
	sourceARN       = "aws:sourcearn"
	secureTransport = "aws:securetransport"
	sseAlgorithm    = "s3:x-amz-server-side-encryption"
	sseKey          = "s3:x-amz-server-side-encryption-aws-kms-key-id"
)

// stranger is an account that no one has.
const stranger = "000000000000"

// request is one that Macie sends to write a result, for an account and as one of
// its ARNs.
func request(r *policy.Repository, region, account, arn, place string) policy.Request {
	key := ""
	if len(r.Keys) > 0 {
		key = r.Keys[0]
	}
	return policy.Request{
		Kind: "Service", Principal: policy.MaciePrincipal(region), Action: "s3:PutObject",
		Resource: r.BucketARN() + "/" + place + "result.jsonl.gz",
		Context: map[string]string{
			sourceAccount: account, sourceARN: arn, secureTransport: "true",
			sseAlgorithm: "aws:kms", sseKey: key,
			"aws:principalisawsservice": "true", "aws:principalservicename": policy.MaciePrincipal(region),
			"aws:viaawsservice": "false",
			// A service is in no account or organisation, and comes by no
			// endpoint of anyone's (IAM user guide, "AWS global condition
			// context keys").
			"aws:principalarn": "", "aws:principalaccount": "", "aws:principalorgid": "", "aws:principalorgpaths": "",
			"aws:sourcevpce": "", "aws:sourcevpc": "", "aws:sourceip": "", "aws:userid": "", "aws:principaltype": "",
		},
	}
}

// arns are those as which a region's Macie writes: of automated discovery, and
// of a job.
func arns(region, account string) []string {
	of := "arn:" + policy.Partition(region) + ":macie2:" + region + ":" + account + ":"
	return []string{of + "export-configuration:automated", of + "classification-job/0123456789abcdef0123456789abcdef"}
}

// auditPolicy asks the bucket's policy what it says to Macie, to Macie of others,
// and to those who come without TLS.
func (d *doctor) auditPolicy(s *Section, r *policy.Repository, export *macie.Export, t *settings) {
	if t.policyErr != nil {
		d.unknown(s, "bucket_policy", t.policyErr)
		return
	}
	p := t.policy
	if p == nil {
		p = &policy.Document{}
	}
	own := func(i int) policy.Request {
		return request(r, export.Region, export.Account, arns(export.Region, export.Account)[i], export.Place())
	}
	locate := func(i int) policy.Request {
		req := own(i)
		req.Action, req.Resource = "s3:GetBucketLocation", r.BucketARN()
		delete(req.Context, sseAlgorithm)
		delete(req.Context, sseKey)
		return req
	}
	permits(s, "macie_locates", "bucket", "find out where the bucket is (s3:GetBucketLocation)", p.Evaluate(locate(0)), p.Evaluate(locate(1)))
	permits(s, "macie_writes", "bucket", "write results of "+export.Account+" in "+export.Region+" (s3:PutObject)", p.Evaluate(own(0)), p.Evaluate(own(1)))

	other := request(r, export.Region, stranger, arns(export.Region, stranger)[0], export.Place())
	anything := own(0)
	anything.Context[sourceARN] = "arn:" + policy.Partition(export.Region) + ":macie2:" + export.Region + ":" + export.Account + ":anything/else"
	const name, fix = "macie_of_others", "let Macie write under the conditions aws:SourceAccount and aws:SourceArn; see the policies below"
	switch v := p.Evaluate(other); v.Permits() {
	case policy.Yes:
		s.failed(name, fix, "Macie may write results of any account (%s)", v.By)
	case policy.Maybe:
		s.notKnown(name, fix, "it depends on %s (%s)", v.Unknown, v.By)
	default:
		if p.Evaluate(anything).Permits() == policy.Yes {
			s.ok(name, "Macie of other accounts may not write; aws:SourceArn doesn't say that it must be discovery results")
		} else {
			s.ok(name, "Macie of other accounts may not write")
		}
	}

	plain := own(0)
	plain.Context[sseAlgorithm], plain.Context[sseKey] = "AES256", ""
	wrong := own(0)
	wrong.Context[sseKey] = "arn:" + policy.Partition(export.Region) + ":kms:" + r.Region + ":" + stranger + ":key/other"
	switch withPlain, withWrong := p.Evaluate(plain).Permits(), p.Evaluate(wrong).Permits(); {
	case withPlain == policy.No && withWrong == policy.No:
		s.ok("encrypted", "results that aren't encrypted with the key are refused")
	case withPlain == policy.Maybe || withWrong == policy.Maybe:
		s.notKnown("encrypted", "", "whether other encryption is refused depends on conditions whose values aren't known")
	default:
		s.ok("encrypted", "other encryption isn't refused, which is optional: Macie uses the key that is configured")
	}
	d.auditPlainHTTP(s, r, export, p)
}

// permits adds a check of what the policy of a bucket or key must let Macie do, as
// each of its ARNs.
func permits(s *Section, name, whose, what string, verdicts ...policy.Verdict) {
	const fix = "let Macie do so under the conditions aws:SourceAccount and aws:SourceArn; see the policies below"
	var worst *policy.Verdict
	for i := range verdicts {
		if v := &verdicts[i]; worst == nil || v.Permits() < worst.Permits() {
			worst = v
		}
	}
	switch {
	case worst.Permits() == policy.Yes:
		s.ok(name, "Macie may %s", what)
	case worst.Denied == policy.Yes:
		s.failed(name, "change the statement that denies it", "Macie may not %s: denied by %s", what, worst.By)
	case worst.Permits() == policy.Maybe:
		s.notKnown(name, "", "whether Macie may %s depends on %s (%s)", what, worst.Unknown, worst.By)
	default:
		s.failed(name, fix, "Macie may not %s: nothing in the %s's policy allows it", what, whose)
	}
}

// auditPlainHTTP looks whether requests without TLS are refused, whoever sends
// them.
func (d *doctor) auditPlainHTTP(s *Section, r *policy.Repository, export *macie.Export, p *policy.Document) {
	const (
		name = "plain_http"
		fix  = "deny s3:* to everyone where aws:SecureTransport is false; see the policies below"
	)
	worst := policy.Yes
	for _, action := range []string{"s3:GetObject", "s3:PutObject"} {
		v := p.Evaluate(policy.Request{
			Kind: "AWS", Principal: "arn:" + policy.Partition(r.Region) + ":iam::" + stranger + ":user/anyone",
			Action: action, Resource: r.BucketARN() + "/" + export.Place() + "result.jsonl.gz",
			Context: map[string]string{secureTransport: "false", "aws:principalisawsservice": "false"},
		})
		worst = min(worst, v.Denied)
	}
	switch worst {
	case policy.Yes:
		s.ok(name, "refused")
	case policy.Maybe:
		s.notKnown(name, fix, "it is refused under some conditions only")
	default:
		s.failed(name, fix, "requests without TLS aren't refused")
	}
}
