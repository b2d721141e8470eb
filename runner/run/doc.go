// Package run holds the types of a run's result: what runner emits while it
// executes a plan, what report/archive writes and reads back, and what report
// renders.
//
// A run is a [Header], one [CaseResult] for each case, one [LoadResult] for each
// load stage, and an [End] with the totals and the verdict. While it executes,
// these reach a [Sink] as [Event] values in the order in which they happen.
// Afterwards a [Run] gives them back.
//
// The types carry the JSON names of the archive and of run.json, which users'
// tools read: fields may be added, and none is renamed. Nothing here sends,
// compares or decides. The methods add figures up, read and write the JSON, and
// make the sentences that people read out of typed facts.
package run
