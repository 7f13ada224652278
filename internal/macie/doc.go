// Package macie asks Amazon Macie where its discovery results go.
//
// Start with [New]: [Client.Export] says where a region's results go, and
// [Regions] which regions there are to ask. [Origin] is the place of inputs that
// are macie://REGION.
package macie
