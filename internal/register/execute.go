package register

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
)

// startInput is the request to run a statement.
func (r *Registration) startInput(database, statement string) *athena.StartQueryExecutionInput {
	input := &athena.StartQueryExecutionInput{
		QueryString:           aws.String(statement),
		QueryExecutionContext: &types.QueryExecutionContext{Database: aws.String(database)},
	}
	if r.Workgroup != "" {
		input.WorkGroup = aws.String(r.Workgroup)
	}
	if r.QueryResults != "" {
		input.ResultConfiguration = &types.ResultConfiguration{OutputLocation: aws.String(r.QueryResults)}
	}
	return input
}

// How often an execution is looked at, and how long stopping one may take.
const (
	firstLook = 200 * time.Millisecond
	lastLook  = 2 * time.Second
	stopTime  = 5 * time.Second
)

// run runs a statement to its end. It gives a QueryError where Athena doesn't.
// Where ctx ends first, the execution is stopped.
func (r *Registration) run(ctx context.Context, input *athena.StartQueryExecutionInput) error {
	started, err := r.Athena.StartQueryExecution(ctx, input)
	if err != nil {
		return err
	}
	id := started.QueryExecutionId
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		out, err := r.Athena.GetQueryExecution(ctx, &athena.GetQueryExecutionInput{QueryExecutionId: id})
		if err != nil {
			return r.stop(ctx, id, err)
		}
		if out.QueryExecution == nil || out.QueryExecution.Status == nil {
			return errors.New("the answer has no status")
		}
		switch status := out.QueryExecution.Status; status.State {
		case types.QueryExecutionStateSucceeded:
			return nil
		case types.QueryExecutionStateFailed, types.QueryExecutionStateCancelled:
			return &QueryError{
				ID: aws.ToString(id), State: string(status.State), Reason: aws.ToString(status.StateChangeReason),
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return r.stop(ctx, id, context.Cause(ctx))
		}
	}
}

// stop stops an execution that nobody waits for any more, and returns why.
func (r *Registration) stop(ctx context.Context, id *string, why error) error {
	if ctx.Err() == nil {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if _, err := r.Athena.StopQueryExecution(ctx, &athena.StopQueryExecutionInput{QueryExecutionId: id}); err != nil {
		return errors.Join(why, err)
	}
	return why
}
