// Package crash_test kills converters, breaks their stores, and lets several
// loose on one dataset. Whatever happens, converting again must give each row of
// each source once.
//
// A case is a scenario (what the converter is to do, on what dataset) and a step
// at which it stops: a step is the moment before or after the store does
// something. Steps are tried one after the other until a converter gets through.
// The short form is part of make test, the long one is make torture.
package crash_test
