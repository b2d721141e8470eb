// Package tap is a reverse proxy between a client (a box, an app, a player) and
// the services of one side. In come requests on a listener; out go the same
// requests to the service that the client meant, and the answers back as they
// arrive. What passed is handed to an observer when it is over. The package
// judges nothing and keeps nothing: runner/tap/record writes what passed as a
// recording, runner/tap/double compares it with the answers of the other side.
//
// proxy.go serves, route.go finds the service of a request, answer.go and
// rewrite.go keep answers from leading the client past the proxy, and watch.go
// counts, digests and keeps bodies while they pass.
//
// The rules:
//
//  1. Bodies pass in both directions as they arrive. Nothing waits for the end of
//     a body, except a text of known length up to 1 MiB, whose addresses are
//     rewritten and whose length must be right. Upgraded connections pass unread.
//  2. Memory is bounded: connections, bytes kept of one body, and bytes kept of all
//     bodies at once. A body over a limit still passes; its digest and size are known.
//  3. Nothing an observer does may delay a client: it gets what passed after the
//     last byte and must return at once.
//  4. A request has one meaning: net/http refuses messages whose length is
//     ambiguous, and requests are written anew for the service, without the
//     fields that belong to one connection.
package tap
