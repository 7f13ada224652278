package awsclient

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Backoff sets the waits between attempts: Base before the second, twice that before
// the third, and so on up to Max. A random half to all of it is waited, so that
// requests which failed together aren't repeated together.
type Backoff struct{ Base, Max time.Duration }

// DefaultBackoff suits S3, which takes some minutes to split a prefix that gets too
// many requests, and answers SlowDown until then.
func DefaultBackoff() Backoff { return Backoff{Base: 100 * time.Millisecond, Max: 5 * time.Second} }

func (b Backoff) withDefaults() Backoff {
	if b.Base <= 0 || b.Max <= 0 {
		return DefaultBackoff()
	}
	return b
}

// Delay returns the wait after an attempt; attempts are numbered from 1.
func (b Backoff) Delay(attempt int) time.Duration {
	d := b.Base << min(max(attempt, 1)-1, 20)
	if d > b.Max || d <= 0 {
		d = b.Max
	}
	return d/2 + rand.N(d/2+1)
}

// Wait waits as long as Delay says, or until ctx ends.
func (b Backoff) Wait(ctx context.Context, attempt int) error {
	t := time.NewTimer(b.Delay(attempt))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// retryer decides for all services which requests are repeated. Each request has a
// budget of its own: the SDK has one budget per client, and a slow minute of a bucket
// would use it up for all later requests.
type retryer struct {
	backoff Backoff
	log     *slog.Logger
}

func (r *retryer) IsErrorRetryable(err error) bool { return KindOf(err).Passes() }

// MaxAttempts implements aws.Retryer; 0 leaves the decision to GetRetryToken.
func (r *retryer) MaxAttempts() int { return 0 }

func (r *retryer) RetryDelay(attempt int, _ error) (time.Duration, error) {
	return r.backoff.Delay(attempt), nil
}

// GetRetryToken implements aws.Retryer: it ends a request that has used up its
// attempts.
func (r *retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	request, ok := ctx.Value(requestKey{}).(*request)
	if !ok {
		request = newRequest("")
	}
	request.attempts++
	kind := KindOf(err)
	if request.attempts >= kind.attempts() {
		return nil, &exhaustedError{request.attempts}
	}
	r.log.Info("trying again", "operation", awsmiddleware.GetOperationName(ctx), "uri", request.resource,
		"attempt", request.attempts, "why", reason(err))
	return noToken, nil
}

func (r *retryer) GetInitialToken() func(error) error { return noToken }

func (r *retryer) GetAttemptToken(context.Context) (func(error) error, error) { return noToken, nil }

func noToken(error) error { return nil }

// exhaustedError says that a request has used up its attempts.
type exhaustedError struct{ attempts int }

func (e *exhaustedError) Error() string { return fmt.Sprintf("gave up after %d attempts", e.attempts) }

// request is a request that may take several attempts.
type request struct {
	resource string
	attempts int
}

func newRequest(resource string) *request { return &request{resource: resource} }

type (
	requestKey  struct{}
	resourceKey struct{}
)

// WithResource names, for the log, the URI that the context's requests concern.
func WithResource(ctx context.Context, uri string) context.Context {
	return context.WithValue(ctx, resourceKey{}, uri)
}

// countAttempts gives each request its own count of attempts.
func countAttempts(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("CountAttempts",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			resource, _ := ctx.Value(resourceKey{}).(string)
			return next.HandleInitialize(context.WithValue(ctx, requestKey{}, newRequest(resource)), in)
		}), middleware.Before)
}
