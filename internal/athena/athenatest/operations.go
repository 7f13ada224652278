package athenatest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	athenatypes "github.com/aws/aws-sdk-go-v2/service/athena/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Limits of the API references of Glue and Athena.
const (
	maxName        = 255
	maxComment     = 255
	maxDescription = 2048
	maxCreate      = 100
	maxUpdate      = 100
	maxDelete      = 25
	maxQuery       = 262144
	minToken       = 32
)

var operations = map[string]operation{
	"glue:GetDatabase": newOperation(func(in *glue.GetDatabaseInput) string { return *in.Name }, getDatabase),
	"glue:CreateDatabase": newOperation(func(in *glue.CreateDatabaseInput) string { return *in.DatabaseInput.Name },
		createDatabase),
	"glue:GetTable": newOperation(func(in *glue.GetTableInput) string { return *in.DatabaseName + "." + *in.Name }, getTable),
	"glue:CreateTable": newOperation(func(in *glue.CreateTableInput) string { return *in.DatabaseName + "." + *in.TableInput.Name },
		createTable),
	"glue:UpdateTable": newOperation(func(in *glue.UpdateTableInput) string { return *in.DatabaseName + "." + *in.TableInput.Name },
		updateTable),
	"glue:GetPartitions": newOperation(func(in *glue.GetPartitionsInput) string { return *in.DatabaseName + "." + *in.TableName },
		getPartitions),
	"glue:BatchCreatePartition": newOperation(func(in *glue.BatchCreatePartitionInput) string { return *in.DatabaseName + "." + *in.TableName },
		createPartitions),
	"glue:BatchUpdatePartition": newOperation(func(in *glue.BatchUpdatePartitionInput) string { return *in.DatabaseName + "." + *in.TableName },
		updatePartitions),
	"glue:BatchDeletePartition": newOperation(func(in *glue.BatchDeletePartitionInput) string { return *in.DatabaseName + "." + *in.TableName },
		deletePartitions),
	"athena:StartQueryExecution": newOperation(func(in *athena.StartQueryExecutionInput) string { return *in.QueryString }, startQuery),
	"athena:GetQueryExecution":   newOperation(func(in *athena.GetQueryExecutionInput) string { return *in.QueryExecutionId }, getQuery),
	"athena:StopQueryExecution":  newOperation(func(in *athena.StopQueryExecutionInput) string { return *in.QueryExecutionId }, stopQuery),
}

func notFound(what string) error {
	return &Error{Code: "EntityNotFoundException", Message: what + " not found."}
}

func getDatabase(s *Server, in *glue.GetDatabaseInput) (any, error) {
	if s.databases[*in.Name] == nil {
		return nil, notFound("Database " + *in.Name)
	}
	return glue.GetDatabaseOutput{Database: &types.Database{Name: in.Name}}, nil
}

func createDatabase(s *Server, in *glue.CreateDatabaseInput) (any, error) {
	name := *in.DatabaseInput.Name
	if err := checkText("name", name, maxName); err != nil {
		return nil, err
	}
	if s.databases[name] != nil {
		return nil, &Error{Code: "AlreadyExistsException", Message: "Database already exists."}
	}
	s.databases[name] = &database{tables: map[string]*table{}}
	return glue.CreateDatabaseOutput{}, nil
}

// findTable returns a table, or the *Error of Glue for a missing one.
func (s *Server) findTable(databaseName, name *string) (*table, error) {
	d := s.databases[*databaseName]
	if d == nil {
		return nil, notFound("Database " + *databaseName)
	}
	if d.tables[*name] == nil {
		return nil, notFound("Entity")
	}
	return d.tables[*name], nil
}

func getTable(s *Server, in *glue.GetTableInput) (any, error) {
	t, err := s.findTable(in.DatabaseName, in.Name)
	if err != nil {
		return nil, err
	}
	stored := t.Table
	stored.CreateTime = aws.Time(time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	return glue.GetTableOutput{Table: &stored}, nil
}

// newTable returns the table that Glue stores for an input, or an error if the input
// breaks the limits of the API.
func newTable(in *types.TableInput) (types.Table, error) {
	var errs []error
	errs = append(errs, checkText("name", *in.Name, maxName), checkText("description", aws.ToString(in.Description), maxDescription))
	seen := map[string]bool{}
	checkColumns := func(list []types.Column) {
		for _, c := range list {
			errs = append(errs, checkText("column", *c.Name, maxName), checkText("comment", aws.ToString(c.Comment), maxComment))
			if seen[*c.Name] {
				errs = append(errs, fmt.Errorf("two columns are named %s", *c.Name))
			}
			seen[*c.Name] = true
		}
	}
	checkColumns(in.StorageDescriptor.Columns)
	checkColumns(in.PartitionKeys)
	parameters := map[string]string{}
	for name, value := range in.Parameters {
		errs = append(errs, checkText("parameter", name, maxName))
		parameters[name] = value
	}
	return types.Table{
		Name: in.Name, Description: in.Description, Owner: in.Owner, Retention: in.Retention, TableType: in.TableType,
		Parameters: parameters, PartitionKeys: in.PartitionKeys, StorageDescriptor: in.StorageDescriptor,
		ViewOriginalText: in.ViewOriginalText, ViewExpandedText: in.ViewExpandedText,
	}, errors.Join(errs...)
}

// checkText checks a text of the API: one line of at most limit bytes.
func checkText(what, s string, limit int) error {
	if len(s) > limit || !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n") {
		return fmt.Errorf("%s is not one line of at most %d bytes", what, limit)
	}
	return nil
}

func createTable(s *Server, in *glue.CreateTableInput) (any, error) {
	d := s.databases[*in.DatabaseName]
	if d == nil {
		return nil, notFound("Database " + *in.DatabaseName)
	}
	if d.tables[*in.TableInput.Name] != nil {
		return nil, &Error{Code: "AlreadyExistsException", Message: "Table already exists."}
	}
	t, err := newTable(in.TableInput)
	if err != nil {
		return nil, err
	}
	d.tables[*t.Name] = &table{Table: t}
	return glue.CreateTableOutput{}, nil
}

func updateTable(s *Server, in *glue.UpdateTableInput) (any, error) {
	existing, err := s.findTable(in.DatabaseName, in.TableInput.Name)
	if err != nil {
		return nil, err
	}
	t, err := newTable(in.TableInput)
	if err != nil {
		return nil, err
	}
	existing.Table = t
	return glue.UpdateTableOutput{}, nil
}

func getPartitions(s *Server, in *glue.GetPartitionsInput) (any, error) {
	t, err := s.findTable(in.DatabaseName, in.TableName)
	if err != nil {
		return nil, err
	}
	first := 0
	if in.NextToken != nil {
		if first, err = strconv.Atoi(*in.NextToken); err != nil {
			return nil, err
		}
	}
	end := min(first+s.PageSize, len(t.partitions))
	out := glue.GetPartitionsOutput{Partitions: t.partitions[first:end]}
	if end < len(t.partitions) {
		out.NextToken = aws.String(strconv.Itoa(end))
	}
	return out, nil
}

// findPartition returns the index of a partition; -1 if there is none.
func (t *table) findPartition(values []string) int {
	return slices.IndexFunc(t.partitions, func(p types.Partition) bool { return slices.Equal(p.Values, values) })
}

func (t *table) checkPartition(in types.PartitionInput) error {
	if len(in.Values) != len(t.PartitionKeys) || slices.Contains(in.Values, "") || in.StorageDescriptor == nil {
		return fmt.Errorf("the partition %q doesn't fit the table", in.Values)
	}
	return nil
}

func createPartitions(s *Server, in *glue.BatchCreatePartitionInput) (any, error) {
	t, err := s.findTable(in.DatabaseName, in.TableName)
	if err != nil {
		return nil, err
	}
	if n := len(in.PartitionInputList); n == 0 || n > maxCreate {
		return nil, fmt.Errorf("%d partitions", n)
	}
	var out glue.BatchCreatePartitionOutput
	for _, p := range in.PartitionInputList {
		if err := t.checkPartition(p); err != nil {
			return nil, err
		}
		if t.findPartition(p.Values) >= 0 {
			out.Errors = append(out.Errors, newPartitionError(p.Values, "AlreadyExistsException"))
			continue
		}
		t.partitions = append(t.partitions, types.Partition{Values: p.Values, StorageDescriptor: p.StorageDescriptor})
	}
	return out, nil
}

func newPartitionError(values []string, code string) types.PartitionError {
	return types.PartitionError{PartitionValues: values, ErrorDetail: &types.ErrorDetail{
		ErrorCode: aws.String(code), ErrorMessage: aws.String("The partition is in error."),
	}}
}

func updatePartitions(s *Server, in *glue.BatchUpdatePartitionInput) (any, error) {
	t, err := s.findTable(in.DatabaseName, in.TableName)
	if err != nil {
		return nil, err
	}
	if n := len(in.Entries); n == 0 || n > maxUpdate {
		return nil, fmt.Errorf("%d partitions", n)
	}
	var out glue.BatchUpdatePartitionOutput
	for _, e := range in.Entries {
		if err := t.checkPartition(*e.PartitionInput); err != nil {
			return nil, err
		}
		i := t.findPartition(e.PartitionValueList)
		if i < 0 {
			f := newPartitionError(e.PartitionValueList, "EntityNotFoundException")
			out.Errors = append(out.Errors, types.BatchUpdatePartitionFailureEntry{
				PartitionValueList: f.PartitionValues, ErrorDetail: f.ErrorDetail,
			})
			continue
		}
		t.partitions[i] = types.Partition{Values: e.PartitionInput.Values, StorageDescriptor: e.PartitionInput.StorageDescriptor}
	}
	return out, nil
}

func deletePartitions(s *Server, in *glue.BatchDeletePartitionInput) (any, error) {
	t, err := s.findTable(in.DatabaseName, in.TableName)
	if err != nil {
		return nil, err
	}
	if n := len(in.PartitionsToDelete); n == 0 || n > maxDelete {
		return nil, fmt.Errorf("%d partitions", n)
	}
	var out glue.BatchDeletePartitionOutput
	for _, p := range in.PartitionsToDelete {
		i := t.findPartition(p.Values)
		if i < 0 {
			out.Errors = append(out.Errors, newPartitionError(p.Values, "EntityNotFoundException"))
			continue
		}
		t.partitions = slices.Delete(t.partitions, i, i+1)
	}
	return out, nil
}

func startQuery(s *Server, in *athena.StartQueryExecutionInput) (any, error) {
	switch {
	case len(*in.QueryString) > maxQuery || strings.HasSuffix(strings.TrimSpace(*in.QueryString), ";"):
		return nil, errors.New("the statement is too long or ends with a semicolon")
	case len(aws.ToString(in.ClientRequestToken)) < minToken:
		return nil, errors.New("there is no token")
	case in.QueryExecutionContext == nil || s.Run == nil && s.databases[*in.QueryExecutionContext.Database] == nil:
		return nil, errors.New("the database doesn't exist")
	case s.NoResults && (in.ResultConfiguration == nil || in.ResultConfiguration.OutputLocation == nil):
		return nil, &Error{
			Code:    "InvalidRequestException",
			Message: "No output location provided. An output location is required either through the Workgroup result configuration setting or as an API input.",
		}
	}
	id := fmt.Sprintf("00000000-0000-0000-0000-%012d", len(s.executions))
	e := &execution{statement: *in.QueryString}
	if s.Run != nil {
		e.running = start(func(ctx context.Context) error {
			return s.Run(ctx, *in.QueryExecutionContext.Database, e.statement)
		})
	}
	s.executions[id] = e
	return athena.StartQueryExecutionOutput{QueryExecutionId: aws.String(id)}, nil
}

var createView = regexp.MustCompile(`(?s)^CREATE OR REPLACE VIEW "([a-z0-9_]+)"\."([a-z0-9_]+)" AS\n(SELECT|WITH)\s.*$`)

func getQuery(s *Server, in *athena.GetQueryExecutionInput) (any, error) {
	e := s.executions[*in.QueryExecutionId]
	if e == nil {
		return nil, &Error{Code: "InvalidRequestException", Message: "QueryExecution was not found"}
	}
	status := &athenatypes.QueryExecutionStatus{State: athenatypes.QueryExecutionStateRunning}
	e.looks++
	reason := ""
	if s.FailQuery != nil {
		reason = s.FailQuery(e.statement)
	}
	switch {
	case e.stopped:
		status.State = athenatypes.QueryExecutionStateCancelled
	case e.looks <= s.Looks:
	case e.running != nil:
		status.State, status.StateChangeReason = e.running.state()
	case reason != "":
		status.State, status.StateChangeReason = athenatypes.QueryExecutionStateFailed, aws.String(reason)
	default:
		m := createView.FindStringSubmatch(e.statement)
		if m == nil || s.databases[m[1]] == nil {
			return nil, errors.New("the statement makes no view")
		}
		tables := s.databases[m[1]].tables
		if is := tables[m[2]]; is != nil && aws.ToString(is.TableType) != "VIRTUAL_VIEW" {
			status.State, status.StateChangeReason = athenatypes.QueryExecutionStateFailed, aws.String("Table already exists: "+m[2])
			break
		}
		tables[m[2]] = &table{Table: types.Table{
			Name: aws.String(m[2]), TableType: aws.String("VIRTUAL_VIEW"),
			Parameters:        map[string]string{"presto_view": "true", "comment": "Presto View"},
			ViewOriginalText:  aws.String("/* Presto View: " + m[3] + " */"),
			ViewExpandedText:  aws.String("/* Presto View */"),
			StorageDescriptor: &types.StorageDescriptor{Columns: []types.Column{{Name: aws.String("a"), Type: aws.String("string")}}},
		}}
		status.State = athenatypes.QueryExecutionStateSucceeded
	}
	return athena.GetQueryExecutionOutput{QueryExecution: &athenatypes.QueryExecution{
		QueryExecutionId: in.QueryExecutionId, Query: aws.String(e.statement), Status: status,
	}}, nil
}

func stopQuery(s *Server, in *athena.StopQueryExecutionInput) (any, error) {
	if e := s.executions[*in.QueryExecutionId]; e != nil {
		e.stopped = true
		if e.running != nil {
			e.running.cancel()
		}
	}
	return athena.StopQueryExecutionOutput{}, nil
}
