// Package doctor finds out whether a conversion would work, before it is tried:
// whether inputs can be listed, read and decrypted, whether a dataset can be
// written, and whether the place that Macie puts its results in is as it should
// be. It changes nothing but one small file of a dataset's state.
//
// Start with [Run], which returns a [Report].
package doctor
