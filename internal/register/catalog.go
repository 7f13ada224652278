package register

import (
	"maps"
	"slices"
	"strings"

	"github.com/macielake/macielake/internal/athena"
)

// Classes by which Hive, and so Athena, reads Parquet.
const (
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	parquetSerDe  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

func glueColumns(fields []athena.Field) []column {
	columns := make([]column, len(fields))
	for i, f := range fields {
		columns[i] = column{Name: f.Name, Type: f.Type, Comment: f.Doc}
	}
	return columns
}

func storage(d athena.Definition, location string) *storageDescriptor {
	return &storageDescriptor{
		Columns: glueColumns(d.Columns), Location: location, InputFormat: parquetInput, OutputFormat: parquetOutput,
		SerdeInfo: &serDe{
			SerializationLibrary: parquetSerDe,
			Parameters:           map[string]string{"serialization.format": "1"},
		},
	}
}

// define returns what Glue is to store for a definition. A table that exists already,
// nil for none, keeps the properties that others wrote to it.
func define(d athena.Definition, existing *storedTable) *tableInput {
	parameters := map[string]string{"EXTERNAL": "TRUE"}
	input := &tableInput{
		Name: d.Name, Description: d.Doc, TableType: "EXTERNAL_TABLE",
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
func isOurs(t *storedTable) bool { return t.Parameters[athena.Owner] != "" }

// sameKeys reports whether a table is partitioned as d is.
func sameKeys(d athena.Definition, t *storedTable) bool {
	return slices.EqualFunc(t.PartitionKeys, d.Keys, func(c column, f athena.Field) bool { return c.Name == f.Name && c.Type == f.Type })
}

// isStored reports whether a table is as input would make it.
func isStored(t *storedTable, input *tableInput) bool {
	is, want := t.StorageDescriptor, input.StorageDescriptor
	return is != nil && is.SerdeInfo != nil &&
		t.TableType == input.TableType &&
		t.Description == input.Description &&
		slices.Equal(t.PartitionKeys, input.PartitionKeys) &&
		slices.Equal(is.Columns, want.Columns) &&
		sameLocation(is.Location, want.Location) &&
		is.InputFormat == want.InputFormat &&
		is.OutputFormat == want.OutputFormat &&
		is.SerdeInfo.SerializationLibrary == want.SerdeInfo.SerializationLibrary &&
		maps.Equal(t.Parameters, input.Parameters)
}

// sameLocation compares locations; a slash at the end makes no difference.
func sameLocation(a, b string) bool {
	return strings.TrimRight(a, "/") == strings.TrimRight(b, "/")
}

// definePartition returns what Glue is to store of a partition.
func definePartition(d athena.Definition, p athena.Partition) partitionInput {
	return partitionInput{Values: p.Values, StorageDescriptor: storage(d, d.Location+p.Dir+"/")}
}
