// Package convert is one run of the converter: it finds the inputs, plans their
// parts, converts them, and publishes the tables.
//
// Start with [Run] and its [Options].
package convert
