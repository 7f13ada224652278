package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/kms"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/policy"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/store"
)

// DefaultMaxObjects is how many objects of an input are counted where nothing
// else is said.
const DefaultMaxObjects = 1_000_000

// Options say what is looked at.
type Options struct {
	// Input is as convert takes it; empty to ask Macie where its results go.
	Input   string
	Origins []input.Origin
	// MaxObjects ends the listing of the input; 0 is DefaultMaxObjects.
	MaxObjects int64

	// Out is where a dataset is to be: an s3:// URI or a path; empty for
	// nowhere. OpenOut opens it; OpenOut's errors are a failed check.
	Out     string
	OpenOut func(ctx context.Context) (store.Store, error)

	// AWS is needed for what isn't local.
	AWS *AWS
	// Regions are those whose Macie is asked; empty for the configured one.
	Regions []string

	// Hint says what to do about an error; empty where nothing is known.
	Hint func(error) string
}

// AWS are the clients that are asked.
type AWS struct {
	S3       *s3.Client
	Macie    *macie.Client
	KMS      *kms.Client
	Identity *awsclient.Identity
}

// NeedsAWS reports whether AWS is asked for an input and an output.
func NeedsAWS(in, out string) bool {
	return in == "" || s3.IsURI(in) || macie.IsURI(in) || s3.IsURI(out)
}

const (
	awsSubject    = "AWS"
	inputSubject  = "input"
	outputSubject = "output"
	macieSubject  = "Macie"
)

// doctor is one examination.
type doctor struct {
	o      *Options
	report Report
	caller awsclient.Caller // who we are; zero where that isn't known

	in, out      *policy.Place // what was found of places in S3
	repositories []policy.Repository
}

// Run examines what the options name. What is found is in the report; an error
// is of options that make no sense, or ctx's.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.MaxObjects <= 0 {
		o.MaxObjects = DefaultMaxObjects
	}
	if o.Hint == nil {
		o.Hint = func(error) string { return "" }
	}
	d := &doctor{o: &o}
	if NeedsAWS(o.Input, o.Out) && o.AWS == nil {
		return nil, errors.New("a place in AWS, and no clients to ask")
	}
	known := true
	if o.AWS != nil {
		known = d.identity(ctx)
	}
	switch { // without credentials, nothing would come of asking
	case !known && NeedsAWS(o.Input, ""):
	case o.Input == "":
		d.macie(ctx)
	default:
		d.input(ctx, o.Input)
	}
	if o.Out != "" && (known || !s3.IsURI(o.Out)) {
		d.output(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	d.policies()
	d.report.OK = d.report.count(Failed) == 0
	return &d.report, nil
}

// identity reports whether there are credentials that AWS knows, as far as it can
// be told.
func (d *doctor) identity(ctx context.Context) bool {
	s := d.report.section(awsSubject, "")
	caller, err := d.o.AWS.Identity.Caller(ctx)
	if err == nil {
		d.caller = caller
		s.ok("identity", "%s", caller.ARN)
		return true
	}
	switch awsclient.KindOf(err) {
	case awsclient.NoCredentials, awsclient.Expired, awsclient.BadCredentials, awsclient.BadConfig:
		d.fail(s, "identity", err)
		return false
	}
	s.notKnown("identity", "only AWS has this (sts:GetCallerIdentity, for which no permission is needed): elsewhere, go on", "%v", err)
	return true
}

// fail adds a failed check with what is known to help.
func (d *doctor) fail(s *Section, name string, err error) {
	s.failed(name, d.fix(err), "%v", err)
}

// fix is what to do about an error.
func (d *doctor) fix(err error) string {
	if errors.Is(err, s3.ErrDirectoryBucket) {
		return "use a general purpose bucket"
	}
	if hint := d.o.Hint(err); hint != "" {
		return hint
	}
	var e *awsclient.Error
	if errors.As(err, &e) && e.Kind == awsclient.Denied && e.Action != "" {
		who := e.Identity
		if who == "" {
			who = "the caller"
		}
		return fmt.Sprintf("allow %s to use %s; see the policies below", who, e.Action)
	}
	return ""
}

// policies makes those for what was found.
func (d *doctor) policies() {
	var p Policies
	if d.in != nil || d.out != nil {
		access := policy.Access{
			Input: d.in, Output: d.out, AskMacie: macie.IsURI(d.o.Input), Account: d.caller.Account, Tables: tables(), CreateOnly: createOnly(),
		}
		writer := access.Writer()
		p.Writer = &writer
		if d.out != nil {
			reader, maintenance := access.Reader(), access.Maintenance()
			p.Reader, p.Maintenance = &reader, &maintenance
		}
	}
	if d.o.Input == "" && d.caller.Account != "" {
		p.repositories(d.repositories)
	}
	if p.Writer != nil || p.Auditor != nil {
		d.report.Policies = &p
	}
}

func (p *Policies) repositories(all []policy.Repository) {
	var places []policy.Place
	for i := range all {
		r := &all[i]
		places = append(places, r.Place)
		out := RepositoryPolicy{Bucket: r.Bucket, Policy: r.BucketPolicy()}
		if len(r.Keys) > 0 {
			out.KMS = policy.KeyGrant{Key: r.Keys[0], Policy: r.KeyPolicy()}
		}
		p.Repositories = append(p.Repositories, out)
	}
	p.Auditor = policy.Auditor(places)
}
