//go:build race

package convert

// raceEnabled leaves out what takes minutes with the race detector.
const raceEnabled = true
