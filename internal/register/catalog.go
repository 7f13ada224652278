package register

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/macielake/macielake/internal/athena"
)

// Classes by which Hive, and so Athena, reads Parquet.
const (
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	parquetSerDe  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

func glueColumns(fields []athena.Field) []types.Column {
	columns := make([]types.Column, len(fields))
	for i, f := range fields {
		columns[i] = types.Column{Name: aws.String(f.Name), Type: aws.String(f.Type), Comment: aws.String(f.Doc)}
	}
	return columns
}

func storage(d athena.Definition, location string) *types.StorageDescriptor {
	return &types.StorageDescriptor{
		Columns: glueColumns(d.Columns), Location: aws.String(location),
		InputFormat: aws.String(parquetInput), OutputFormat: aws.String(parquetOutput),
		SerdeInfo: &types.SerDeInfo{
			SerializationLibrary: aws.String(parquetSerDe),
			Parameters:           map[string]string{"serialization.format": "1"},
		},
	}
}

// tableInput is what Glue is to store for a definition. A table that exists already,
// nil for none, keeps the properties that others wrote to it.
func tableInput(d athena.Definition, existing *types.Table) *types.TableInput {
	parameters := map[string]string{"EXTERNAL": "TRUE"}
	input := &types.TableInput{
		Name: aws.String(d.Name), Description: aws.String(d.Doc), TableType: aws.String("EXTERNAL_TABLE"),
		PartitionKeys: glueColumns(d.Keys), StorageDescriptor: storage(d, d.Location), Parameters: parameters,
	}
	if existing != nil {
		for name, value := range existing.Parameters {
			if !strings.HasPrefix(name, "projection.") && name != "storage.location.template" && name != "trino.partition_projection.ignore" {
				parameters[name] = value
			}
		}
		input.Owner, input.Retention = existing.Owner, existing.Retention
	}
	for _, p := range d.Properties {
		parameters[p.Name] = p.Value
	}
	return input
}

// isOurs reports whether macielake made a table or view, by DDL or by calls.
func isOurs(t *types.Table) bool { return t.Parameters[athena.Owner] != "" }

// sameKeys reports whether a table is partitioned as d is.
func sameKeys(d athena.Definition, t *types.Table) bool {
	return slices.EqualFunc(t.PartitionKeys, d.Keys, func(c types.Column, f athena.Field) bool {
		return aws.ToString(c.Name) == f.Name && aws.ToString(c.Type) == f.Type
	})
}

// isStored reports whether a table is as input would make it.
func isStored(t *types.Table, input *types.TableInput) bool {
	is, want := t.StorageDescriptor, input.StorageDescriptor
	return is != nil && is.SerdeInfo != nil &&
		aws.ToString(t.TableType) == aws.ToString(input.TableType) &&
		aws.ToString(t.Description) == aws.ToString(input.Description) &&
		sameColumns(t.PartitionKeys, input.PartitionKeys) &&
		sameColumns(is.Columns, want.Columns) &&
		sameLocation(is.Location, want.Location) &&
		aws.ToString(is.InputFormat) == aws.ToString(want.InputFormat) &&
		aws.ToString(is.OutputFormat) == aws.ToString(want.OutputFormat) &&
		aws.ToString(is.SerdeInfo.SerializationLibrary) == aws.ToString(want.SerdeInfo.SerializationLibrary) &&
		maps.Equal(t.Parameters, input.Parameters)
}

func sameColumns(a, b []types.Column) bool {
	return slices.EqualFunc(a, b, func(a, b types.Column) bool {
		return aws.ToString(a.Name) == aws.ToString(b.Name) && aws.ToString(a.Type) == aws.ToString(b.Type) &&
			aws.ToString(a.Comment) == aws.ToString(b.Comment)
	})
}

// sameLocation compares locations; a slash at the end makes no difference.
func sameLocation(a, b *string) bool {
	return strings.TrimRight(aws.ToString(a), "/") == strings.TrimRight(aws.ToString(b), "/")
}

// partitionInput is what Glue is to store of a partition.
func partitionInput(d athena.Definition, p athena.Partition) types.PartitionInput {
	return types.PartitionInput{Values: p.Values, StorageDescriptor: storage(d, d.Location+p.Dir+"/")}
}
