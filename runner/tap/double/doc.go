// Package double asks the other side what a client asked, and judges both
// answers. In come the exchanges of a tap, answered by one side; out go events of
// a run (pairs, cases, the end with its verdict) into a Sink, as a run of suites
// emits them.
//
// double.go takes exchanges and ends the run, send.go asks the other side,
// route.go says what may be asked twice, session.go carries sessions over, and
// account.go counts what was seen.
//
// The rules:
//
//  1. A request is asked twice only when it is a GET or HEAD without a body, is
//     not named as acting, and carries no session that the other side does not
//     know. Nothing else ever reaches the other side, sign-ins of separate sides
//     apart.
//  2. The client never waits: it has its answer before the other side is asked.
//     What the queues cannot take is dropped and counted.
//  3. A pass needs evidence: fewer pairs than the minimum, or more than MaxDropped
//     of them dropped, is inconclusive.
//  4. An answer of blue with a status from 500 up shows nothing and is not judged.
package double
