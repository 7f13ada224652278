package athena

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Classes by which Hive, and so Athena, reads Parquet.
const (
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	parquetSerDe  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

func glueColumns(fields []field) []types.Column {
	columns := make([]types.Column, len(fields))
	for i, f := range fields {
		columns[i] = types.Column{Name: aws.String(f.name), Type: aws.String(f.kind), Comment: aws.String(f.doc)}
	}
	return columns
}

func (d definition) storage(location string) *types.StorageDescriptor {
	return &types.StorageDescriptor{
		Columns: glueColumns(d.columns), Location: aws.String(location),
		InputFormat: aws.String(parquetInput), OutputFormat: aws.String(parquetOutput),
		SerdeInfo: &types.SerDeInfo{
			SerializationLibrary: aws.String(parquetSerDe),
			Parameters:           map[string]string{"serialization.format": "1"},
		},
	}
}

// glueTable is what Glue is to store of a definition. What there is of the
// table already, nil for nothing, keeps what others wrote to it.
func (d definition) glueTable(existing *types.Table) *types.TableInput {
	parameters := map[string]string{"EXTERNAL": "TRUE"}
	input := &types.TableInput{
		Name: aws.String(d.name), Description: aws.String(d.doc), TableType: aws.String("EXTERNAL_TABLE"),
		PartitionKeys: glueColumns(d.partitions), StorageDescriptor: d.storage(d.location), Parameters: parameters,
	}
	if existing != nil {
		for name, value := range existing.Parameters {
			if !strings.HasPrefix(name, "projection.") && name != "storage.location.template" && name != "trino.partition_projection.ignore" {
				parameters[name] = value
			}
		}
		input.Owner, input.Retention = existing.Owner, existing.Retention
	}
	for _, p := range d.properties {
		parameters[p.name] = p.value
	}
	return input
}

// isOurs reports whether macielake made a table or view, by DDL or by calls.
func isOurs(t *types.Table) bool { return t.Parameters[owner] != "" }

// sameKeys reports whether a table is partitioned as d is.
func (d definition) sameKeys(t *types.Table) bool {
	return slices.EqualFunc(t.PartitionKeys, d.partitions, func(c types.Column, f field) bool {
		return aws.ToString(c.Name) == f.name && aws.ToString(c.Type) == f.kind
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

// gluePartition is what Glue is to store of a partition.
func (d definition) gluePartition(p Partition) types.PartitionInput {
	return types.PartitionInput{Values: p.Values, StorageDescriptor: d.storage(d.location + p.Dir + "/")}
}
