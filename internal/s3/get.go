package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/macielake/macielake/internal/awsclient"
)

// Object is one version of an object, as listings describe it.
type Object struct {
	Key      string
	Size     int64     // bytes; -1 if unknown
	ETag     string    // with its quotes; empty if unknown
	Modified time.Time // zero if unknown
}

// minProgress is the number of bytes that a body must bring within Options.Stall.
const minProgress = 16 << 10

// Errors of bodies, which an awsclient.Error wraps.
var (
	errStalled  = errors.New("the connection brought next to nothing for too long")
	errLength   = errors.New("the object's length isn't what the listing said")
	errChecksum = errors.New("the object's bytes don't match its checksum")
	errChanged  = errors.New("the object changed since it was listed")
)

// Get opens an object for reading from its first byte. All bytes come from one version:
// the one with o's ETag, or the current one if o has none. Reading resumes where a body
// breaks off; the length, and the checksum if the store has one, are verified at the
// end. An error is an *awsclient.Error (of kind Precondition if the version has been
// replaced), or ctx's.
func (b *Bucket) Get(ctx context.Context, o Object) (io.ReadCloser, error) {
	r, err := b.open(ctx, o, 0, o.Size)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// open opens the bytes [from, to) of an object; to is -1 for an end that isn't known.
func (b *Bucket) open(ctx context.Context, o Object, from, to int64) (*body, error) {
	r := &body{ctx: awsclient.WithResource(ctx, b.URI(o.Key)), b: b, o: o, whole: from == 0 && to == o.Size, at: from, end: to}
	if err := r.request(); err != nil {
		return nil, r.fail(err)
	}
	return r, nil
}

// body reads an object from as many answers as it takes.
type body struct {
	ctx   context.Context
	b     *Bucket
	o     Object
	whole bool // the object is read from beginning to end
	at    int64
	end   int64 // -1 before the first answer if the size isn't known
	sum   checksum

	// The answer being read; rc is nil if there is none.
	rc      io.ReadCloser
	cancel  context.CancelCauseFunc
	reading context.Context // the answer's

	failures int           // since the last progress
	waited   time.Duration // in reads since then
	got      int64         // bytes since then
	err      error
}

// request requests the bytes that are still missing.
func (r *body) request() error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	in := &sdk.GetObjectInput{
		Bucket: &r.b.name, Key: &r.o.Key, RequestPayer: r.b.payer(), ExpectedBucketOwner: r.b.ownerID(),
	}
	if r.o.ETag != "" {
		in.IfMatch = &r.o.ETag
	}
	ranged := r.at > 0 || !r.whole && r.end >= 0
	if ranged {
		in.Range = aws.String(byteRange(r.at, r.end))
	}
	out, err := r.b.api.GetObject(awsclient.WithObjectData(ctx), in, askForChecksum)
	if err != nil {
		cancel(nil)
		return err
	}
	if err := r.check(out); err != nil {
		out.Body.Close()
		cancel(nil)
		return err
	}
	if r.at == 0 && r.whole {
		r.sum = newChecksum(out)
	}
	r.rc, r.reading, r.cancel = out.Body, ctx, cancel
	return nil
}

func byteRange(from, to int64) string {
	if to < 0 {
		return fmt.Sprintf("bytes=%d-", from)
	}
	return fmt.Sprintf("bytes=%d-%d", from, to-1)
}

// askForChecksum requests the object's checksum without the SDK's verification, which
// would see only one answer of several.
func askForChecksum(o *sdk.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("x-amz-checksum-mode", "ENABLED"))
}

// check compares an answer with the request, and takes an unknown ETag and size from
// the first answer.
func (r *body) check(out *sdk.GetObjectOutput) error {
	if r.o.ETag == "" {
		r.o.ETag = aws.ToString(out.ETag)
	} else if aws.ToString(out.ETag) != r.o.ETag {
		return &awsclient.Error{Op: "GetObject", Resource: r.b.URI(r.o.Key), Kind: awsclient.Precondition, Err: errChanged}
	}
	length := aws.ToInt64(out.ContentLength)
	if out.ContentLength == nil || length < 0 {
		return nil // the body's end decides
	}
	if r.end < 0 {
		r.end = r.at + length
		r.whole = r.at == 0
	}
	if r.at+length > r.end {
		return errLength
	}
	return nil // reading resumes after a short answer
}

func (r *body) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := r.read(p)
		if n > 0 {
			if r.end >= 0 && r.at+int64(n) > r.end {
				r.err = r.fail(errLength)
				return 0, r.err
			}
			r.at += int64(n)
			r.sum.write(p[:n])
			return n, nil // the next Read returns err
		}
		if err == nil {
			continue
		}
		if r.err = r.resume(err); r.err != nil {
			return 0, r.err
		}
	}
}

// read reads from the answer, and cancels it if it brings too little for too long.
func (r *body) read(p []byte) (int, error) {
	if r.rc == nil {
		return 0, io.ErrUnexpectedEOF
	}
	cancel := r.cancel
	watch := time.AfterFunc(r.b.c.o.Stall-r.waited, func() { cancel(errStalled) })
	start := time.Now()
	n, err := r.rc.Read(p)
	watch.Stop()
	r.waited += time.Since(start)
	if r.got += int64(n); r.got >= minProgress {
		r.waited, r.got, r.failures = 0, 0, 0
	}
	if err != nil && err != io.EOF && context.Cause(r.reading) == errStalled {
		err = errStalled
	}
	return n, err
}

// resume handles the end of an answer: it returns nil if another answer follows, and
// io.EOF at the end of the requested bytes.
func (r *body) resume(err error) error {
	r.drop()
	if err == io.EOF {
		if r.end < 0 || r.at == r.end {
			if !r.sum.ok() {
				return r.fail(errChecksum)
			}
			return io.EOF
		}
		err = io.ErrUnexpectedEOF
	}
	for {
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		kind := kindOfRead(err)
		r.failures++
		if r.failures >= attempts(kind) {
			return r.fail(err)
		}
		r.b.c.o.Log.Info("resuming", "uri", r.b.URI(r.o.Key), "from", r.at, "attempt", r.failures, "why", err.Error())
		if err := r.b.c.o.Backoff.Wait(r.ctx, r.failures); err != nil {
			return err
		}
		r.waited, r.got = 0, 0
		if err = r.request(); err == nil {
			return nil
		}
		// A failed request has used up its attempts.
		if k := awsclient.KindOf(err); err != errLength && k != awsclient.Unknown {
			return r.fail(err)
		}
	}
}

// attempts is how often reading is resumed without progress.
func attempts(kind awsclient.Kind) int {
	switch kind {
	case awsclient.TimedOut:
		return 4
	case awsclient.Broken:
		return 10
	}
	return 3
}

// kindOfRead is awsclient.KindOf, extended by the errors of bodies.
func kindOfRead(err error) awsclient.Kind {
	switch {
	case errors.Is(err, errStalled):
		return awsclient.TimedOut
	case errors.Is(err, io.ErrUnexpectedEOF):
		return awsclient.Broken
	case errors.Is(err, errChanged):
		return awsclient.Precondition
	}
	return awsclient.KindOf(err)
}

// fail makes an error of reading an *awsclient.Error, with an explanation of denials.
func (r *body) fail(err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	switch kind := kindOfRead(err); kind {
	case awsclient.Precondition:
		err = &awsclient.Error{Op: "GetObject", Resource: r.b.URI(r.o.Key), Kind: kind, Code: "PreconditionFailed", Err: errChanged}
	case awsclient.TimedOut, awsclient.Broken:
		err = &awsclient.Error{Op: "reading", Resource: r.b.URI(r.o.Key), Kind: kind, Err: err}
	}
	return r.b.explain(r.ctx, "GetObject", r.o.Key, err)
}

// drop closes the answer.
func (r *body) drop() {
	if r.rc != nil {
		r.cancel(nil)
		r.rc.Close()
		r.rc = nil
	}
}

// Close implements io.Closer.
func (r *body) Close() error {
	r.drop()
	if r.err == nil {
		r.err = errors.New("reading a closed object")
	}
	return nil
}
