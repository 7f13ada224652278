package register

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/macielake/macielake/internal/awsclient"
	"github.com/macielake/macielake/internal/policy"
)

// What Glue and Athena are asked and what they answer, as far as it is used here
// (AWS Glue web API reference, Athena API reference).

type column struct {
	Name    string
	Type    string `json:",omitempty"`
	Comment string `json:",omitempty"`
}

type serDe struct {
	SerializationLibrary string
	Parameters           map[string]string `json:",omitempty"`
}

type storageDescriptor struct {
	Columns                             []column
	Location, InputFormat, OutputFormat string
	SerdeInfo                           *serDe
}

type tableInput struct {
	Name, Description, TableType string
	Owner                        string `json:",omitempty"`
	Retention                    int32  `json:",omitempty"`
	PartitionKeys                []column
	StorageDescriptor            *storageDescriptor
	Parameters                   map[string]string
}

// storedTable is a table or view as Glue returns it.
type storedTable struct {
	tableInput
	raw map[string]json.RawMessage
}

// UnmarshalJSON keeps every field, so that a table can be stored again whole.
func (t *storedTable) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &t.tableInput); err != nil {
		return err
	}
	return json.Unmarshal(data, &t.raw)
}

// storable are the fields of a table that TableInput has, too.
var storable = [...]string{
	"Name", "Description", "Owner", "Retention", "TableType", "PartitionKeys", "StorageDescriptor",
	"ViewOriginalText", "ViewExpandedText", "TargetTable", "LastAccessTime", "LastAnalyzedTime",
}

// withParameters is a table as TableInput has it, with other parameters.
func (t *storedTable) withParameters(parameters map[string]string) map[string]any {
	input := map[string]any{"Parameters": parameters}
	for _, name := range storable {
		if value, ok := t.raw[name]; ok {
			input[name] = value
		}
	}
	return input
}

type partitionInput struct {
	Values            []string
	StorageDescriptor *storageDescriptor `json:",omitempty"`
}

type partitionUpdate struct {
	PartitionValueList []string
	PartitionInput     partitionInput
}

type partitionValues struct{ Values []string }

// partitionError is an error of one partition of a batch. Values are named
// PartitionValues in the answers to creating and removing, PartitionValueList in
// those to updating.
type partitionError struct {
	PartitionValues, PartitionValueList []string
	ErrorDetail                         struct{ ErrorCode, ErrorMessage string }
}

type databaseRequest struct {
	Name          string         `json:",omitempty"`
	DatabaseInput *databaseInput `json:",omitempty"`
}

type databaseInput struct{ Name, Description string }

type tableRequest struct {
	DatabaseName string
	Name         string `json:",omitempty"`
	TableInput   any    `json:",omitempty"`
}

type partitionsRequest struct {
	DatabaseName, TableName string
	ExcludeColumnSchema     bool              `json:",omitempty"`
	NextToken               string            `json:",omitempty"`
	PartitionInputList      []partitionInput  `json:",omitempty"`
	Entries                 []partitionUpdate `json:",omitempty"`
	PartitionsToDelete      []partitionValues `json:",omitempty"`
}

type startRequest struct {
	QueryString           string
	ClientRequestToken    string `json:",omitempty"`
	QueryExecutionContext struct{ Database string }
	WorkGroup             string               `json:",omitempty"`
	ResultConfiguration   *resultConfiguration `json:",omitempty"`
}

type resultConfiguration struct{ OutputLocation string }

type executionRequest struct{ QueryExecutionId string }

type executionAnswer struct {
	QueryExecution struct {
		Status struct{ State, StateChangeReason string }
	}
}

// glue calls an operation of Glue, athena one of Athena. out may be nil.
func (r *Registration) glue(ctx context.Context, operation string, in, out any) error {
	return r.call(ctx, awsclient.JSONRequest{Operation: operation, Service: "glue", ID: "Glue", Target: "AWSGlue"}, in, out)
}

func (r *Registration) athena(ctx context.Context, operation string, in, out any) error {
	return r.call(ctx, awsclient.JSONRequest{Operation: operation, Service: "athena", ID: "Athena", Target: "AmazonAthena"}, in, out)
}

func (r *Registration) call(ctx context.Context, request awsclient.JSONRequest, in, out any) error {
	request.Region, request.Domain = r.AWS.Region, policy.Domain(r.AWS.Region)
	err := awsclient.CallJSON(ctx, r.AWS, request, in, out)
	var failed *awsclient.Error
	if errors.As(err, &failed) {
		failed.Op, failed.Resource = "", "" // called names both
	}
	return err
}

// isNotFound reports whether Glue says that there is no such database or table.
func isNotFound(err error) bool {
	var failed *awsclient.Error
	return errors.As(err, &failed) && failed.Code == "EntityNotFoundException"
}

// partitions calls use with each partition of a table.
func (r *Registration) partitions(ctx context.Context, database, table string, use func(partitionInput)) error {
	in := partitionsRequest{DatabaseName: database, TableName: table, ExcludeColumnSchema: true}
	for {
		var page struct {
			Partitions []partitionInput
			NextToken  string
		}
		if err := r.glue(ctx, "GetPartitions", in, &page); err != nil {
			return err
		}
		for _, p := range page.Partitions {
			use(p)
		}
		if page.NextToken == "" {
			return nil
		}
		if page.NextToken == in.NextToken {
			return errors.New("the answer repeats a page")
		}
		in.NextToken = page.NextToken
	}
}
