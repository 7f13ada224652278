package register

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// ForeignError says that there are tables or views which macielake didn't make,
// under names that it needs.
type ForeignError struct {
	Database string
	Names    []string
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("macielake didn't make %s in the database %s", strings.Join(e.Names, ", "), e.Database)
}

// PartitionKeysError says that a table is partitioned by other keys than the
// dataset.
type PartitionKeysError struct{ Table string }

func (e *PartitionKeysError) Error() string {
	return fmt.Sprintf("the table %s has other partition keys than the dataset", e.Table)
}

// DeniedError says that a call was not allowed.
type DeniedError struct {
	Call          string // such as glue:CreateTable
	LakeFormation bool   // Lake Formation refused it, not IAM
	err           error
}

func (e *DeniedError) Error() string {
	if e.LakeFormation {
		return fmt.Sprintf("%s: Lake Formation denied access: %v", e.Call, e.err)
	}
	return fmt.Sprintf("%s: %v", e.Call, e.err)
}

func (e *DeniedError) Unwrap() error { return e.err }

// QueryError says that Athena did not run a statement to its end.
type QueryError struct {
	ID     string // of the execution
	State  string // FAILED or CANCELLED
	Reason string // as Athena gives it
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("the execution %s is %s: %s", e.ID, e.State, e.Reason)
}

// called returns an error of a call with its name.
func called(call string, err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	var query *QueryError
	message := ""
	denied := false
	switch {
	case errors.As(err, &api):
		message = api.ErrorMessage()
		denied = strings.HasPrefix(api.ErrorCode(), "AccessDenied")
	case errors.As(err, &query):
		message = query.Reason
		denied = strings.Contains(message, "AccessDenied") || strings.Contains(message, "Access Denied")
	}
	// Glue says AccessDeniedException, Athena fails a query, either with
	// "Insufficient Lake Formation permission(s)".
	lake := strings.Contains(message, "Lake Formation")
	if denied || lake {
		return &DeniedError{Call: call, LakeFormation: lake, err: err}
	}
	return fmt.Errorf("%s: %w", call, err)
}
