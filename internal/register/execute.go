package register

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// startInput is the request to run a statement.
func (r *Registration) startInput(database, statement string) *startRequest {
	input := &startRequest{QueryString: statement, WorkGroup: r.Workgroup}
	input.QueryExecutionContext.Database = database
	if r.QueryResults != "" {
		input.ResultConfiguration = &resultConfiguration{r.QueryResults}
	}
	return input
}

// How often an execution is looked at, and how long stopping one may take.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 2 * time.Second
	stopTime  = 5 * time.Second
)

// run runs a statement to its end. It returns a QueryError if Athena fails to. If ctx
// ends first, the execution is stopped.
func (r *Registration) run(ctx context.Context, input *startRequest) error {
	start := *input
	// With a token, a request that is sent again starts nothing twice. It has at
	// least 32 characters.
	start.ClientRequestToken = rand.Text() + rand.Text()
	var id executionRequest
	if err := r.athena(ctx, "StartQueryExecution", start, &id); err != nil {
		return err
	}
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		var out executionAnswer
		if err := r.athena(ctx, "GetQueryExecution", id, &out); err != nil {
			return r.stop(ctx, id, err)
		}
		switch status := out.QueryExecution.Status; status.State {
		case "SUCCEEDED":
			return nil
		case "FAILED", "CANCELLED":
			return &QueryError{ID: id.QueryExecutionId, State: status.State, Reason: status.StateChangeReason}
		case "QUEUED", "RUNNING":
		default:
			return fmt.Errorf("the execution %s is in no known state: %q", id.QueryExecutionId, status.State)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return r.stop(ctx, id, context.Cause(ctx))
		}
	}
}

// stop stops an execution that nobody waits for any more, and returns why.
func (r *Registration) stop(ctx context.Context, id executionRequest, why error) error {
	if ctx.Err() == nil {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := r.athena(ctx, "StopQueryExecution", id, nil); err != nil {
		return errors.Join(why, err)
	}
	return why
}
