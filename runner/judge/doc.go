// Package judge decides what a pair of answers shows. A [Trial] holds a step, its
// compiled rules and expectations, and the exchange of each side. [Judge] returns a
// [Judgement]: differences, expectations that failed, coverage, and a verdict with
// its reasons.
//
// Judging is apart from sending, so that a run, a run that is judged again from its
// archive and a resumed run share it. Nothing here reads a clock, opens a connection
// or a file, takes a lock, or changes what it was given: the same trial always gives
// the same judgement. The table of imports keeps it so.
//
// [Checks] are the expectations of one side with their placeholders expanded,
// [StepRules] the compiled rules of a step, and [Answer] is an exchange with its body
// read once. Captures read their values from an Answer too.
package judge
