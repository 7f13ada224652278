package athenatest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
)

// running is a statement that an engine runs.
type running struct {
	cancel context.CancelFunc
	done   chan struct{} // closed at the end
	err    error         // set before done is closed
}

// start runs a statement in a goroutine. As in Athena, the statement outlives the
// request that started it.
func start(run func(ctx context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		defer cancel()
		r.err = run(ctx)
	}()
	return r
}

// state returns the state of the execution, and the reason if it failed.
func (r *running) state() (athenatypes.QueryExecutionState, *string) {
	select {
	case <-r.done:
	default:
		return athenatypes.QueryExecutionStateRunning, nil
	}
	if r.err != nil {
		return athenatypes.QueryExecutionStateFailed, aws.String(r.err.Error())
	}
	return athenatypes.QueryExecutionStateSucceeded, nil
}
