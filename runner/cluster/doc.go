// Package cluster asks the Kubernetes clusters that blue and green run on, for a run and
// for the verbs ready, alike and import cluster.
//
// In comes what an env file says (stage.Clusters). [Open] connects to the clusters it
// names, and the result answers: is green ready (package ready), do both clusters hold the
// same (package alike), and which services exist (package routes). Out come the types of
// package run, which reports render and the verdict weighs.
//
// This package connects the rooms below it and decides nothing itself. Clusters are read:
// the only thing that is ever written is the annotation that asks Argo CD to compare an
// application, where the env file says refresh: true.
package cluster
