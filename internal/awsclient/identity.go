package awsclient

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// identityTimeout bounds the request for the caller's identity: it serves to explain
// an error, and must not delay it for long.
const identityTimeout = 10 * time.Second

// Identity finds out whose credentials sign the requests. It is safe for concurrent
// use.
type Identity struct {
	cfg aws.Config

	mu     sync.Mutex
	asked  bool
	caller Caller
	err    error
}

// Caller is the answer to sts:GetCallerIdentity, which needs no permission.
type Caller struct{ ARN, Account string }

// NewIdentity returns the identity of a configuration. It sends nothing.
func NewIdentity(cfg aws.Config) *Identity { return &Identity{cfg: cfg} }

// Caller asks STS once; later calls return the first answer.
func (i *Identity) Caller(ctx context.Context) (Caller, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asked {
		return i.caller, i.err
	}
	ctx, cancel := context.WithTimeout(ctx, identityTimeout)
	defer cancel()
	cfg := i.cfg.Copy()
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // STS answers in every Region
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if errors.Is(err, context.Canceled) {
		return Caller{}, err // a later call asks again
	}
	i.asked = true
	if err != nil {
		i.err = Failed("GetCallerIdentity", "", err)
		return Caller{}, i.err
	}
	if aws.ToString(out.Arn) == "" || aws.ToString(out.Account) == "" {
		i.err = Failed("GetCallerIdentity", "", &AnswerError{"it names no caller"})
		return Caller{}, i.err
	}
	i.caller = Caller{ARN: aws.ToString(out.Arn), Account: aws.ToString(out.Account)}
	return i.caller, nil
}
