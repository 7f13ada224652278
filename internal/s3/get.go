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

// Object is one version of an object, as a listing names it.
type Object struct {
	Key      string
	Size     int64     // bytes; -1 where it isn't known
	ETag     string    // with its quotes; empty where it isn't known
	Modified time.Time // zero where it isn't known
}

// minProgress is how many bytes a body must bring within Options.Stall.
const minProgress = 16 << 10

// Errors of bodies. They are found again under an awsclient.Error.
var (
	errStalled  = errors.New("the connection brought next to nothing for too long")
	errLength   = errors.New("the object's length isn't what the listing said")
	errChecksum = errors.New("the object's bytes don't match its checksum")
	errChanged  = errors.New("the object changed since it was listed")
)

// Get opens an object for reading from its first byte. All that is read is of
// one version: the one with the ETag, or where that isn't known the one that is
// found. A body that breaks off is read on from where it did; its length, and
// its checksum where the store has one, are verified at its end. An error is an
// *awsclient.Error (of kind Precondition if the object isn't that version any
// more), or ctx's.
func (b *Bucket) Get(ctx context.Context, o Object) (io.ReadCloser, error) {
	r, err := b.open(ctx, o, 0, o.Size)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// open opens the bytes [from, to) of an object; to is -1 for its end where that
// isn't known.
func (b *Bucket) open(ctx context.Context, o Object, from, to int64) (*body, error) {
	r := &body{ctx: awsclient.WithResource(ctx, b.URI(o.Key)), b: b, o: o, whole: from == 0 && to == o.Size, at: from, end: to}
	if err := r.request(); err != nil {
		return nil, r.fail(err)
	}
	return r, nil
}

// body is an object being read, over as many answers as it takes.
type body struct {
	ctx   context.Context
	b     *Bucket
	o     Object
	whole bool // it is read from its beginning to its end
	at    int64
	end   int64 // -1 before the first answer, where the size isn't known
	sum   checksum

	// The answer being read; rc is nil where there is none.
	rc      io.ReadCloser
	cancel  context.CancelCauseFunc
	reading context.Context // of the answer

	failures int // since the last progress
	// Since the last progress:
	waited time.Duration // in reads
	got    int64         // bytes
	err    error
}

// request asks for what is still to come.
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

// askForChecksum has the answer name the object's checksum, without the SDK
// verifying it: it would only see one answer of several.
func askForChecksum(o *sdk.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("x-amz-checksum-mode", "ENABLED"))
}

// check compares an answer with what was asked for, and takes from the first
// what wasn't known.
func (r *body) check(out *sdk.GetObjectOutput) error {
	if r.o.ETag == "" {
		r.o.ETag = aws.ToString(out.ETag)
	} else if aws.ToString(out.ETag) != r.o.ETag {
		return &awsclient.Error{Op: "GetObject", Resource: r.b.URI(r.o.Key), Kind: awsclient.Precondition, Err: errChanged}
	}
	length := aws.ToInt64(out.ContentLength)
	if out.ContentLength == nil || length < 0 {
		return nil // told by its end
	}
	if r.end < 0 {
		r.end = r.at + length
		r.whole = r.at == 0
	}
	if r.at+length > r.end {
		return errLength
	}
	return nil // one that is too short is read on
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
			return n, nil // err comes again
		}
		if err == nil {
			continue
		}
		if r.err = r.goOn(err); r.err != nil {
			return 0, r.err
		}
	}
}

// read reads from the answer, and watches that it brings something.
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

// goOn deals with an answer's end: nil if there is another to read, io.EOF at
// the end of what was to be read.
func (r *body) goOn(err error) error {
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
		r.b.c.o.Log.Info("reading on", "uri", r.b.URI(r.o.Key), "from", r.at, "attempt", r.failures, "why", err.Error())
		if err := r.b.c.o.Backoff.Wait(r.ctx, r.failures); err != nil {
			return err
		}
		r.waited, r.got = 0, 0
		if err = r.request(); err == nil {
			return nil
		}
		// A request that failed has had its attempts.
		if k := awsclient.KindOf(err); err != errLength && k != awsclient.Unknown {
			return r.fail(err)
		}
	}
}

// attempts bounds how often an object is read on without having come further.
func attempts(kind awsclient.Kind) int {
	switch kind {
	case awsclient.TimedOut:
		return 4
	case awsclient.Broken:
		return 10
	}
	return 3
}

// kindOfRead is awsclient.KindOf with what bodies can do.
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

// fail makes an error one that says what can be done about it.
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
