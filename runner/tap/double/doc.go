// Package double asks the other side what a client asked, and judges both
// answers. In come the exchanges of a tap, answered by one side; out go events of
// a run (pairs, cases, the end with its verdict) into a Sink, as a run of suites
// emits them.
//
// double.go takes exchanges and says what may be asked twice, judge.go judges them, send.go asks
// the other side, conditional.go finds what an answer without content stands for, written.go
// remembers what clients wrote, route.go finds the rules of a request, session.go carries sessions over, credentials.go
// finds by what a service knows its client, suite.go makes one suite of several, again.go
// judges an archived run again, and account.go counts what was seen. The run itself, from
// identities to verdict, is runner.Live.
//
// The rules:
//
//  1. A request is asked twice only when it is a GET or HEAD without a body, or one that all
//     steps of the suites declare to have no side effects, is not named as acting, and
//     carries no session that the other side does not know. Nothing else ever reaches the
//     other side, sign-ins of separate sides apart. Where the sides are separate, what the
//     client wrote to one of them is not asked either.
//  2. The client never waits: it has its answer before the other side is asked.
//     What the queues cannot take is dropped and counted.
//  3. A pass needs evidence: fewer pairs than the minimum (errors, and pages where data was
//     asked for, do not count), or more than MaxDropped of them dropped, is inconclusive.
//  4. An answer of blue with a status from 500 up shows nothing and is not judged.
//  5. A green that does not answer, or breaks an answer off, fails the pair, whichever side the
//     clients get their answers from.
//  6. An answer that says that nothing has changed (304) is judged by the content that it stands
//     for, which both sides are asked for.
//  7. Memory is bounded: sessions, what clients wrote, credentials, and bodies that wait. What was
//     forgotten is not compared, and counted.
package double
