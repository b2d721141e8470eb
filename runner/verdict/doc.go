// Package verdict makes the verdict of a run. [Totals] sum results up as cases end,
// and [Conclude] turns [Inputs] into the run's End: counts, causes, gates, what was
// left out, and the verdict with its reasons, gravest first.
//
// Every request is booked twice, in a [Ledger] and with its case, so that one that is
// lost on the way shows. Nothing here sends a request, reads a clock or compares
// answers. Totals and Ledger are safe for concurrent use, since cases end in parallel.
package verdict
