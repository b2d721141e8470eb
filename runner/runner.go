// Package runner walks the cases of suites on blue and green, judges every pair
// and emits what happened into a Sink.
//
// The way of the data:
//
//	Plan (suites, settings) -> preflight -> cases under a limit -> lanes ->
//	wire.Exchange per side -> judge.Judge (pure) -> StepResult -> CaseResult -> Sink
//	-> load stages (runner/attack) -> End with the Verdict
//
// Firing and judging are separate: judge.Judge takes a pair and a step and knows no
// network, so that a run, a re-judgement of the archive and a resumed run share it.
package runner
