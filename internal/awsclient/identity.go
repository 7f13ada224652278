package awsclient

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// identityTimeout bounds the question who we are: it is asked to explain an
// error, and mustn't become one.
const identityTimeout = 10 * time.Second

// Identity is who requests are signed by. It is safe for concurrent use.
type Identity struct {
	cfg aws.Config

	mu     sync.Mutex
	asked  bool
	caller Caller
	err    error
}

// Caller is an answer of sts:GetCallerIdentity, which needs no permission.
type Caller struct{ ARN, Account string }

// NewIdentity returns the identity of a configuration; nothing is asked yet.
func NewIdentity(cfg aws.Config) *Identity { return &Identity{cfg: cfg} }

// Caller asks STS, once; later calls have the first answer.
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
		cfg.Region = "us-east-1" // STS answers anywhere
	}
	out, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if errors.Is(err, context.Canceled) {
		return Caller{}, err // asks again, should someone still want to know
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
