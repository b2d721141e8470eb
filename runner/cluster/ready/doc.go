// Package ready decides whether a cluster is ready to be asked, and waits until it is.
//
// In come the objects that a [Reader] lists: applications of Argo CD, workloads, Pods and
// Gateways. [Application] and [Workload] judge one object each and say in words what it
// waits for; they are pure. [Wait] lists again and again until everything is ready at once
// and has stayed so for a while, or the time is over. Out comes a [State] with every object
// that is not ready and why.
//
// Nothing here writes to a cluster, but for the annotation that asks Argo CD to compare
// an application now, where the caller allows it.
package ready
