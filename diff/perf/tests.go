package perf

// McNemar is the probability, if both sides failed equally often, that green is
// the one that failed in at least as many of the pairs in which one side alone
// did: the exact one-sided test of McNemar (1947). 1 without such a pair.
func McNemar(blue, green int) float64 { return signTest(float64(green), float64(blue+green)) }

// Fisher is the probability, if both sides failed equally often, that green
// failed at least as often as it did: Fisher's exact test for requests that form
// no pairs.
func Fisher(blueFailed, blueSent, greenFailed, greenSent int) float64 {
	return fisherTest(float64(blueFailed), float64(blueSent), float64(greenFailed), float64(greenSent))
}
