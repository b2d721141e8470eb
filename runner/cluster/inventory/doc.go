// Package inventory reads what a cluster holds, so that it can be compared, kept and
// compared again.
//
// In comes a connection (package kube) and a [Plan]: which kinds, in which namespaces. Out
// comes an [Inventory]: the objects without what every cluster makes up by itself, the
// versions that they are written in, and what could not be read. An inventory is plain
// data; [Write] and [Load] keep it in a run folder.
//
// Values of Secrets never leave this package: they are replaced by a digest under a key
// that lives as long as the run, as soon as they arrive. Every object passes the caller's
// redactor before it is kept, so that what is compared, shown and archived is the same
// text.
package inventory
