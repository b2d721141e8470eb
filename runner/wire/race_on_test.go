//go:build race

package wire

// raceEnabled: the detector's shadow memory is not the product's.
const raceEnabled = true
