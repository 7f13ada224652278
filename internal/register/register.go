package register

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/macielake/macielake/internal/athena"
)

// Registration makes a dataset known to Glue and Athena. Its fields aren't
// changed while it is used; it is safe for concurrent use then.
type Registration struct {
	// AWS is the configuration to ask with, from awsclient.Load or Prepare.
	AWS aws.Config
	// Workgroup is the workgroup of Athena that views are made in; empty for
	// the primary one.
	Workgroup string
	// QueryResults is where Athena stores what statements print, s3://…; empty
	// for where the workgroup does.
	QueryResults string
	// Adopt are tables and views to take over that macielake didn't make.
	Adopt []string
}

// Call is a call that changes something.
type Call struct {
	Operation string // such as glue:CreateTable
	Name      string // of what it changes
	Input     any    // of the operation, to be shown as JSON
	do        func(ctx context.Context) error
}

// Do makes the call, and waits until its work is done. It may give a
// DeniedError or a QueryError.
func (c Call) Do(ctx context.Context) error {
	if err := c.do(ctx); err != nil {
		return called(c.Operation+" "+c.Name, err)
	}
	return nil
}

// What one call takes at most.
// https://docs.aws.amazon.com/glue/latest/webapi/API_BatchCreatePartition.html
const (
	maxCreate = 100
	maxUpdate = 100
	maxDelete = 25
)

// viewHash is the property of a view that says which statement made it.
const viewHash = athena.Owner + ".view"

// Plan reads the catalog and returns, in their order, the calls that make it fit
// the dataset: none if it already does. It changes nothing. It may give a
// *ForeignError, *PartitionKeysError, *DeniedError or *athena.TargetError.
func (r *Registration) Plan(ctx context.Context, l *athena.Layout, t athena.Target) ([]Call, error) {
	t, err := t.Check()
	if err != nil {
		return nil, err
	}
	views, err := athena.Views(l, t)
	if err != nil {
		return nil, err
	}
	p := &planner{r: r, t: t}
	if err := p.database(ctx); err != nil {
		return nil, err
	}
	for i := range l.Tables {
		if err := p.table(ctx, t.Define(&l.Tables[i])); err != nil {
			return nil, err
		}
	}
	for _, v := range views {
		if v.Missing == "" {
			if err := p.view(ctx, v); err != nil {
				return nil, err
			}
		}
	}
	if len(p.foreign) > 0 {
		return nil, &ForeignError{Database: t.Database, Names: p.foreign}
	}
	return p.calls, nil
}

// planner collects the calls of a plan.
type planner struct {
	r       *Registration
	t       athena.Target
	fresh   bool // the database isn't there yet
	calls   []Call
	foreign []string
}

func (p *planner) add(operation, name string, input any, do func(ctx context.Context) error) {
	p.calls = append(p.calls, Call{Operation: operation, Name: name, Input: input, do: do})
}

// change plans a call of Glue that only succeeds or fails.
func (p *planner) change(operation, name string, input any) {
	p.add("glue:"+operation, name, input, func(ctx context.Context) error {
		return p.r.glue(ctx, operation, input, nil)
	})
}

func (p *planner) database(ctx context.Context) error {
	err := p.r.glue(ctx, "GetDatabase", databaseRequest{Name: p.t.Database}, nil)
	if !isNotFound(err) {
		return called("glue:GetDatabase "+p.t.Database, err)
	}
	p.fresh = true
	p.change("CreateDatabase", p.t.Database, databaseRequest{DatabaseInput: &databaseInput{
		Name: p.t.Database, Description: "Amazon Macie's discovery results, converted by macielake",
	}})
	return nil
}

// existing returns the table or view of that name, nil where there is none or
// where it isn't ours to change: then it is noted.
func (p *planner) existing(ctx context.Context, name string) (table *storedTable, foreign bool, err error) {
	if p.fresh {
		return nil, false, nil
	}
	table, err = p.r.getTable(ctx, p.t.Database, name)
	if isNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, called("glue:GetTable "+p.t.Database+"."+name, err)
	}
	if !isOurs(table) && !slices.Contains(p.r.Adopt, name) {
		p.foreign = append(p.foreign, name)
		return nil, true, nil
	}
	return table, false, nil
}

func (r *Registration) getTable(ctx context.Context, database, name string) (*storedTable, error) {
	var out struct{ Table *storedTable }
	err := r.glue(ctx, "GetTable", tableRequest{DatabaseName: database, Name: name}, &out)
	if err == nil && out.Table == nil {
		err = errors.New("the answer has no table")
	}
	return out.Table, err
}

func (p *planner) table(ctx context.Context, d athena.Definition) error {
	table, foreign, err := p.existing(ctx, d.Name)
	if err != nil || foreign {
		return err
	}
	name := p.t.Database + "." + d.Name
	input := define(d, table)
	switch {
	case table == nil:
		p.change("CreateTable", name, tableRequest{DatabaseName: p.t.Database, TableInput: input})
	case !sameKeys(d, table):
		return &PartitionKeysError{Table: name}
	case !isStored(table, input):
		p.change("UpdateTable", name, tableRequest{DatabaseName: p.t.Database, TableInput: input})
	}
	if len(d.Keys) == 0 {
		return nil
	}
	return p.partitions(ctx, d, table != nil)
}

// partitions plans the calls that make a table's partitions those of d.
func (p *planner) partitions(ctx context.Context, d athena.Definition, there bool) error {
	name := p.t.Database + "." + d.Name
	stored := map[string]partitionInput{} // by values
	if there {
		err := p.r.partitions(ctx, p.t.Database, d.Name, func(partition partitionInput) {
			stored[valuesKey(partition.Values)] = partition
		})
		if err != nil {
			return called("glue:GetPartitions "+name, err)
		}
	}
	var create []partitionInput
	var update []partitionUpdate
	for _, partition := range d.Partitions {
		input := definePartition(d, partition)
		key := valuesKey(partition.Values)
		is, ok := stored[key]
		delete(stored, key)
		switch {
		case !ok:
			create = append(create, input)
		case is.StorageDescriptor == nil || !sameLocation(is.StorageDescriptor.Location, input.StorageDescriptor.Location):
			update = append(update, partitionUpdate{partition.Values, input})
		}
	}
	// What is left would show files that are no part of the dataset.
	var remove []partitionValues
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		remove = append(remove, partitionValues{stored[key].Values})
	}

	for batch := range slices.Chunk(create, maxCreate) {
		p.batch("BatchCreatePartition", name, len(batch), "AlreadyExistsException",
			partitionsRequest{DatabaseName: p.t.Database, TableName: d.Name, PartitionInputList: batch})
	}
	for batch := range slices.Chunk(update, maxUpdate) {
		p.batch("BatchUpdatePartition", name, len(batch), "",
			partitionsRequest{DatabaseName: p.t.Database, TableName: d.Name, Entries: batch})
	}
	for batch := range slices.Chunk(remove, maxDelete) {
		p.batch("BatchDeletePartition", name, len(batch), "EntityNotFoundException",
			partitionsRequest{DatabaseName: p.t.Database, TableName: d.Name, PartitionsToDelete: batch})
	}
	return nil
}

// batch plans a call that changes n partitions of a table. The code fine says of a
// partition that someone else was faster.
func (p *planner) batch(operation, table string, n int, fine string, input partitionsRequest) {
	name := fmt.Sprintf("%s (%d)", table, n)
	p.add("glue:"+operation, name, input, func(ctx context.Context) error {
		var out struct{ Errors []partitionError }
		if err := p.r.glue(ctx, operation, input, &out); err != nil {
			return err
		}
		for _, e := range out.Errors {
			if code := e.ErrorDetail.ErrorCode; code == "" || code != fine {
				return fmt.Errorf("partition %s: %s: %s", strings.Join(append(e.PartitionValues, e.PartitionValueList...), "/"),
					code, e.ErrorDetail.ErrorMessage)
			}
		}
		return nil
	})
}

// valuesKey is a partition's values as one text.
func valuesKey(values []string) string { return fmt.Sprintf("%q", values) }

// view plans the calls that make a view: Athena makes it, and then it is marked
// in the catalog, since CREATE VIEW takes no properties.
func (p *planner) view(ctx context.Context, v athena.View) error {
	table, foreign, err := p.existing(ctx, v.Name)
	if err != nil || foreign {
		return err
	}
	statement := v.Create(p.t)
	sum := sha256.Sum256([]byte(statement))
	hash := hex.EncodeToString(sum[:])
	if table != nil && isOurs(table) && table.Parameters[viewHash] == hash {
		return nil
	}
	name := p.t.Database + "." + v.Name
	start := p.r.startInput(p.t.Database, statement)
	p.add("athena:StartQueryExecution", name, start, func(ctx context.Context) error { return p.r.run(ctx, start) })
	marks := map[string]string{athena.Owner: athena.OwnerVersion, viewHash: hash}
	mark := tableRequest{DatabaseName: p.t.Database, TableInput: struct {
		Name       string
		Parameters map[string]string
	}{v.Name, marks}}
	p.add("glue:UpdateTable", name, mark, func(ctx context.Context) error { return p.r.mark(ctx, p.t.Database, v.Name, marks) })
	return nil
}

// mark adds properties to a view as it is stored. The rest stays as the engine
// wrote it: with a description of its own, Trino takes a view for a materialized
// one and doesn't find it.
func (r *Registration) mark(ctx context.Context, database, view string, marks map[string]string) error {
	table, err := r.getTable(ctx, database, view)
	if err != nil {
		return err
	}
	parameters := maps.Clone(marks)
	for name, value := range table.Parameters {
		if _, ours := marks[name]; !ours {
			parameters[name] = value
		}
	}
	return r.glue(ctx, "UpdateTable",
		tableRequest{DatabaseName: database, TableInput: table.withParameters(parameters)}, nil)
}
