// Package kube reads objects of a Kubernetes cluster, and patches one where the
// caller asks for exactly that.
//
// In comes an [Access]: a context of a kubeconfig, or the service account of the
// pod. [Connect] makes a [Cluster] of it, which lists, gets and patches. Out come
// [Object] values with the JSON that the server sent, and for everything that
// could not be read an [Error] with the cluster, the verb and the kind.
//
// The package is the only one that imports k8s.io/client-go: kubeconfigs, exec
// plugins such as `aws eks get-token`, client certificates and retries are its
// work. Nothing here decides whether an object is ready or equal to another, and
// nothing is written to a cluster but by [Cluster.Patch].
//
// A list is whole or an error. Pages that expire are read again from the first,
// torn answers are asked for again, and an answer that is not a list of the kind
// never counts as an empty one.
package kube
