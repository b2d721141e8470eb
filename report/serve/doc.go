// Package serve starts runs and answers gates over HTTP, for hosts that can do nothing
// but send a request: Argo Rollouts, Flagger, and everything that has curl.
//
// In come orders, which name suites and env files that the server was started with and
// never an address, and questions about them. Out go states, the archive's pages and
// metrics. How an order is run is a function of the caller ([Execute]); a verdict is
// taken from nothing but the archived run, by the rules of [archive.Gate].
//
// Its rules:
//
//  1. A gate answers with a 2xx status for a pass and for nothing else, unless its caller
//     asked for the state as JSON (style=state), where every state has status 200.
//  2. A gate answers for runs that this server started, and only while the archived run is
//     the one that was ordered: same id, suites, env file and flags, same digest.
//  3. One run at a time. Others wait in order, and their state says how many are before them.
//  4. An order is on the disk before it is accepted. One that the server could not finish
//     is interrupted, not forgotten, also after it was killed.
//  5. An id names one order for good. The same order again starts nothing; another order
//     with that id is refused.
package serve
