// Package crash_test kills converters, breaks their stores, and runs several of them
// on one dataset. Whatever happens, converting again must give every row of every
// source exactly once.
//
// A case is a scenario, which is a command and its dataset, and a step at which the
// command stops. A step is the moment before or after an operation of the store. Steps
// are tried one by one until a command completes. make test runs the short form, make
// torture the long one.
package crash_test
