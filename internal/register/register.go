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
	awsathena "github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/macielake/macielake/internal/athena"
)

// Registration makes a dataset known to Glue and Athena. Its fields aren't
// changed while it is used; it is safe for concurrent use then.
type Registration struct {
	Glue   *glue.Client
	Athena *awsathena.Client
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
	Input     any    // of the operation, as the SDK has it
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

func (p *planner) database(ctx context.Context) error {
	_, err := p.r.Glue.GetDatabase(ctx, &glue.GetDatabaseInput{Name: aws.String(p.t.Database)})
	if !isNotFound(err) {
		return called("glue:GetDatabase "+p.t.Database, err)
	}
	p.fresh = true
	input := &glue.CreateDatabaseInput{DatabaseInput: &types.DatabaseInput{
		Name: aws.String(p.t.Database), Description: aws.String("Amazon Macie's discovery results, converted by macielake"),
	}}
	p.add("glue:CreateDatabase", p.t.Database, input, func(ctx context.Context) error {
		_, err := p.r.Glue.CreateDatabase(ctx, input)
		return err
	})
	return nil
}

// existing returns the table or view of that name, nil where there is none or
// where it isn't ours to change: then it is noted.
func (p *planner) existing(ctx context.Context, name string) (table *types.Table, foreign bool, err error) {
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

func (r *Registration) getTable(ctx context.Context, database, name string) (*types.Table, error) {
	out, err := r.Glue.GetTable(ctx, &glue.GetTableInput{DatabaseName: aws.String(database), Name: aws.String(name)})
	if err != nil {
		return nil, err
	}
	if out.Table == nil {
		return nil, errors.New("the answer has no table")
	}
	return out.Table, nil
}

func isNotFound(err error) bool {
	var notFound *types.EntityNotFoundException
	return errors.As(err, &notFound)
}

func (p *planner) table(ctx context.Context, d athena.Definition) error {
	table, foreign, err := p.existing(ctx, d.Name)
	if err != nil || foreign {
		return err
	}
	name := p.t.Database + "." + d.Name
	input := tableInput(d, table)
	switch {
	case table == nil:
		create := &glue.CreateTableInput{DatabaseName: aws.String(p.t.Database), TableInput: input}
		p.add("glue:CreateTable", name, create, func(ctx context.Context) error {
			_, err := p.r.Glue.CreateTable(ctx, create)
			return err
		})
	case !sameKeys(d, table):
		return &PartitionKeysError{Table: name}
	case !isStored(table, input):
		update := &glue.UpdateTableInput{DatabaseName: aws.String(p.t.Database), TableInput: input}
		p.add("glue:UpdateTable", name, update, func(ctx context.Context) error {
			_, err := p.r.Glue.UpdateTable(ctx, update)
			return err
		})
	}
	if len(d.Keys) == 0 {
		return nil
	}
	return p.partitions(ctx, d, table != nil)
}

// partitions plans the calls that make a table's partitions those of d.
func (p *planner) partitions(ctx context.Context, d athena.Definition, there bool) error {
	name := p.t.Database + "." + d.Name
	stored := map[string]types.Partition{} // by values
	if there {
		pages := glue.NewGetPartitionsPaginator(p.r.Glue, &glue.GetPartitionsInput{
			DatabaseName: aws.String(p.t.Database), TableName: aws.String(d.Name), ExcludeColumnSchema: aws.Bool(true),
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return called("glue:GetPartitions "+name, err)
			}
			for _, partition := range page.Partitions {
				stored[valuesKey(partition.Values)] = partition
			}
		}
	}
	var create []types.PartitionInput
	var update []types.BatchUpdatePartitionRequestEntry
	for _, partition := range d.Partitions {
		input := partitionInput(d, partition)
		key := valuesKey(partition.Values)
		is, ok := stored[key]
		delete(stored, key)
		switch {
		case !ok:
			create = append(create, input)
		case is.StorageDescriptor == nil || !sameLocation(is.StorageDescriptor.Location, input.StorageDescriptor.Location):
			update = append(update, types.BatchUpdatePartitionRequestEntry{
				PartitionInput: &input, PartitionValueList: partition.Values,
			})
		}
	}
	// What is left would show files that are no part of the dataset.
	var remove []types.PartitionValueList
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		remove = append(remove, types.PartitionValueList{Values: stored[key].Values})
	}

	for batch := range slices.Chunk(create, maxCreate) {
		input := &glue.BatchCreatePartitionInput{
			DatabaseName: aws.String(p.t.Database), TableName: aws.String(d.Name), PartitionInputList: batch,
		}
		p.add("glue:BatchCreatePartition", counted(name, len(batch)), input, func(ctx context.Context) error {
			out, err := p.r.Glue.BatchCreatePartition(ctx, input)
			if err != nil {
				return err
			}
			return partitionErrors(out.Errors, "AlreadyExistsException")
		})
	}
	for batch := range slices.Chunk(update, maxUpdate) {
		input := &glue.BatchUpdatePartitionInput{
			DatabaseName: aws.String(p.t.Database), TableName: aws.String(d.Name), Entries: batch,
		}
		p.add("glue:BatchUpdatePartition", counted(name, len(batch)), input, func(ctx context.Context) error {
			out, err := p.r.Glue.BatchUpdatePartition(ctx, input)
			if err != nil {
				return err
			}
			for _, e := range out.Errors {
				if e.ErrorDetail != nil {
					return partitionErrors([]types.PartitionError{{ErrorDetail: e.ErrorDetail, PartitionValues: e.PartitionValueList}}, "")
				}
			}
			return nil
		})
	}
	for batch := range slices.Chunk(remove, maxDelete) {
		input := &glue.BatchDeletePartitionInput{
			DatabaseName: aws.String(p.t.Database), TableName: aws.String(d.Name), PartitionsToDelete: batch,
		}
		p.add("glue:BatchDeletePartition", counted(name, len(batch)), input, func(ctx context.Context) error {
			out, err := p.r.Glue.BatchDeletePartition(ctx, input)
			if err != nil {
				return err
			}
			return partitionErrors(out.Errors, "EntityNotFoundException")
		})
	}
	return nil
}

// valuesKey is a partition's values as one text.
func valuesKey(values []string) string { return fmt.Sprintf("%q", values) }

func counted(name string, n int) string { return fmt.Sprintf("%s (%d)", name, n) }

// partitionErrors returns the first error of a batch that has another code than
// the one that says that someone else was faster.
func partitionErrors(errs []types.PartitionError, fine string) error {
	for _, e := range errs {
		if e.ErrorDetail == nil || aws.ToString(e.ErrorDetail.ErrorCode) == fine {
			continue
		}
		return fmt.Errorf("partition %s: %s: %s", strings.Join(e.PartitionValues, "/"),
			aws.ToString(e.ErrorDetail.ErrorCode), aws.ToString(e.ErrorDetail.ErrorMessage))
	}
	return nil
}

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
	shown := &glue.UpdateTableInput{DatabaseName: aws.String(p.t.Database), TableInput: &types.TableInput{
		Name: aws.String(v.Name), Parameters: marks,
	}}
	p.add("glue:UpdateTable", name, shown, func(ctx context.Context) error {
		return p.r.mark(ctx, p.t.Database, v, marks)
	})
	return nil
}

// mark adds properties to a view as it is stored. The rest stays as the engine
// wrote it: with a description of its own, Trino takes a view for a materialized
// one and doesn't find it.
func (r *Registration) mark(ctx context.Context, database string, v athena.View, marks map[string]string) error {
	table, err := r.getTable(ctx, database, v.Name)
	if err != nil {
		return err
	}
	parameters := map[string]string{}
	for _, some := range []map[string]string{table.Parameters, marks} {
		for name, value := range some {
			parameters[name] = value
		}
	}
	_, err = r.Glue.UpdateTable(ctx, &glue.UpdateTableInput{
		DatabaseName: aws.String(database),
		TableInput: &types.TableInput{
			Name: table.Name, Description: table.Description, Owner: table.Owner, Retention: table.Retention,
			TableType: table.TableType, Parameters: parameters, PartitionKeys: table.PartitionKeys,
			StorageDescriptor: table.StorageDescriptor,
			ViewOriginalText:  table.ViewOriginalText, ViewExpandedText: table.ViewExpandedText,
		},
	})
	return err
}
