package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/pflag"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/input"
	"github.com/macielake/macielake/internal/macie"
	"github.com/macielake/macielake/internal/s3"
	"github.com/macielake/macielake/internal/s3/s3input"
	"github.com/macielake/macielake/internal/s3/s3store"
	"github.com/macielake/macielake/internal/store"
)

// placeFlags say how requests to S3 are made.
type placeFlags struct {
	awsFlags
	pathStyle    bool
	requestPayer bool
	// fetchConcurrency is a flag of commands that read many objects only.
	fetchConcurrency int
}

func (f *placeFlags) addFlags(flags *pflag.FlagSet) {
	f.awsFlags.addFlags(flags)
	flags.BoolVar(&f.pathStyle, "path-style", false, "use path-style URLs (most non-AWS stores need this)")
	flags.BoolVar(&f.requestPayer, "request-payer", false, "accept charges for requester-pays buckets")
}

// addFetchFlags adds those for reading many objects.
func (f *placeFlags) addFetchFlags(flags *pflag.FlagSet) {
	flags.IntVar(&f.fetchConcurrency, "fetch-concurrency", awsclient.DefaultConcurrency, "fetch `N` S3 objects at the same time")
}

// checkWorkers checks a --workers.
func checkWorkers(n int) error {
	if n < 1 {
		return usagef("--workers must be at least 1")
	}
	return nil
}

// maxFetchConcurrency is more than any network answers to, and what a process may
// have open at the same time.
const maxFetchConcurrency = 1000

// checkFetches checks what addFetchFlags added.
func (f *placeFlags) checkFetches() error {
	if f.fetchConcurrency < 1 || f.fetchConcurrency > maxFetchConcurrency {
		return usagef("--fetch-concurrency must be from 1 to %d", maxFetchConcurrency)
	}
	return nil
}

// writeFlags are those for an output in S3.
type writeFlags struct{ s3.WriteOptions }

func (w *writeFlags) addFlags(f *pflag.FlagSet) {
	f.Var(&optionalChoice{&w.SSE, []string{"AES256", "aws:kms", "aws:kms:dsse"}}, "sse", "server-side encryption for objects written (default: the bucket's setting)")
	f.StringVar(&w.KMSKeyID, "sse-kms-key-id", "", "KMS `KEY` for --sse aws:kms: ID, ARN or alias")
	f.StringVar(&w.StorageClass, "storage-class", "", "storage `CLASS` for objects written, such as INTELLIGENT_TIERING")
	f.StringVar(&w.ExpectedOwner, "expected-bucket-owner", "", "`ACCOUNT` that must own the bucket of --out")
}

// check looks whether the flags go together.
func (w *writeFlags) check() error {
	if w.KMSKeyID != "" && !strings.HasPrefix(w.SSE, "aws:kms") {
		return usagef("--sse-kms-key-id needs --sse aws:kms")
	}
	return nil
}

// places opens what users name: directories, and prefixes of buckets in S3.
// AWS is only looked for where something is in S3.
type places struct {
	flags *placeFlags
	log   *slog.Logger

	mu     sync.Mutex
	client *s3.Client
	ask    *macie.Client
	cfg    aws.Config
}

// places returns the places that the flags say how to talk to.
func (f *placeFlags) places(log *slog.Logger) *places { return &places{flags: f, log: log} }

// signed is aws where there are credentials, and else an error that says so.
func (p *places) signed(ctx context.Context) (*s3.Client, *macie.Client, error) {
	client, ask, err := p.aws(ctx)
	if err == nil {
		err = awsclient.CheckCredentials(ctx, p.cfg)
	}
	return client, ask, err
}

// aws returns the clients for S3 and Macie.
func (p *places) aws(ctx context.Context) (*s3.Client, *macie.Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		return p.client, p.ask, nil
	}
	cfg, err := p.flags.load(ctx, awsclient.Options{Concurrency: p.flags.fetchConcurrency, Log: p.log})
	if err != nil {
		return nil, nil, err
	}
	p.cfg = cfg
	p.client = s3.New(cfg, s3.Options{PathStyle: p.flags.pathStyle, RequestPayer: p.flags.requestPayer, Log: p.log})
	p.ask = macie.New(cfg, p.client.Identity())
	return p.client, p.ask, nil
}

// openStore opens the dataset's place that a user names; the caller closes it.
func (p *places) openStore(ctx context.Context, uri string) (store.Store, error) {
	if err := input.CheckURL(uri); err != nil {
		return nil, err
	}
	if s3.IsURI(uri) {
		return p.storeInS3(ctx, uri, s3.WriteOptions{})
	}
	return store.OpenLocal(uri)
}

// createStore is openStore for a place that may not be there yet, and is written
// to.
func (p *places) createStore(ctx context.Context, uri string, o s3.WriteOptions) (store.Store, error) {
	if err := input.CheckURL(uri); err != nil {
		return nil, err
	}
	if s3.IsURI(uri) {
		return p.storeInS3(ctx, uri, o)
	}
	if o != (s3.WriteOptions{}) {
		return nil, usagef("--sse, --sse-kms-key-id, --storage-class and --expected-bucket-owner need an --out in S3")
	}
	return store.CreateLocal(uri)
}

// reopenStore is createStore for a place that must be there.
func (p *places) reopenStore(ctx context.Context, uri string, o s3.WriteOptions) (store.Store, error) {
	if s3.IsURI(uri) || o != (s3.WriteOptions{}) {
		return p.createStore(ctx, uri, o)
	}
	s, err := p.openStore(ctx, uri)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, &noDatasetError{uri}
	}
	return s, err
}

func (p *places) storeInS3(ctx context.Context, uri string, o s3.WriteOptions) (store.Store, error) {
	client, _, err := p.signed(ctx)
	if err != nil {
		return nil, err
	}
	s, err := s3store.Open(ctx, client, uri, o)
	if err != nil {
		return nil, &placeError{err}
	}
	return s, nil
}

// placeError says that a dataset's place can't be used: that isn't the same as a
// place that isn't there to be read.
type placeError struct{ err error }

func (e *placeError) Error() string { return e.err.Error() }
func (e *placeError) Unwrap() error { return e.err }

// sources are where and how a user's inputs are looked for.
type sources struct {
	inputs    []string
	filter    s3input.Filter // of what needn't be listed
	inventory string         // manifest of S3 Inventory, in place of a listing
	keysFrom  string         // file of keys, in place of a listing; - is stdin
	stdin     io.Reader
	stop      func(error) // is told that nothing can be read
}

// origins returns where the inputs may lie, the inputs as those know them, and
// what has to be closed afterwards. What a plan names may lie in any of the
// places, wherever the inputs are: AWS is looked for once something there is
// listed or opened.
func (p *places) origins(ctx context.Context, s sources) (origins []input.Origin, inputs []string, closer io.Closer, err error) {
	closer = io.NopCloser(nil)
	for _, name := range append([]string{s.inventory, s.keysFrom}, s.inputs...) {
		if err := input.CheckURL(name); err != nil {
			return nil, nil, nil, err
		}
	}
	remote := &remoteOrigin{places: p, filter: s.filter, stop: s.stop}
	origins = []input.Origin{remote, input.NewStdin(s.stdin), input.Local{}}
	if s.inventory == "" && s.keysFrom == "" {
		return origins, s.inputs, closer, nil
	}
	inS3, _, err := remote.open(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	var keys *s3input.Keys
	switch {
	case s.inventory != "":
		keys, err = s3input.NewInventory(ctx, inS3, s.inventory, s.inputs)
	case s.keysFrom == input.StdinName:
		keys, err = s3input.NewKeys(inS3, "--keys-from -", s.stdin, s.inputs)
	default:
		var f *os.File
		if f, err = os.Open(s.keysFrom); err == nil {
			closer = f
			keys, err = s3input.NewKeys(inS3, s.keysFrom, f, s.inputs)
		}
	}
	if err != nil {
		closer.Close()
		return nil, nil, nil, err
	}
	return append([]input.Origin{keys}, origins...), []string{keys.Name()}, closer, nil
}

// reason is why work under ctx failed: where an origin stopped it, and not the
// user, who ends parent, it is what the origin said.
func reason(parent, ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && parent.Err() == nil {
		return cause
	}
	return err
}
