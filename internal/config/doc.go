// Package config reads macielake.yaml: who owns what, which findings are accepted for
// how long, and what accounts are called. docs/config.md describes it.
//
// Start with [Parse].
package config
