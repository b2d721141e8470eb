// Package words puts the values of a run into the words that all reports share:
// durations, shares, changes and intervals with their units, the sign and the
// answer of a verdict, the place of a difference and what it is. Values come in,
// short texts without a line feed go out.
//
// The package chooses words and rounds for display. It computes nothing that the
// run does not say, and it makes no text safe: what comes from an answer still has
// to pass internal/text before it is shown.
package words
