// Package register makes a dataset known to the Glue Data Catalog and to Athena:
// databases, tables, partitions and views, by calls to both services.
//
// Start with [Registration], whose [Registration.Plan] compares the catalog with a
// dataset and returns the calls that change something: none where it is already as
// it should be.
//
// It sends its few requests with awsclient.CallJSON: the SDK clients of Glue and
// Athena would make every command start later and the program larger.
package register
