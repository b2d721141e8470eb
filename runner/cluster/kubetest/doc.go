// Package kubetest has an API server of Kubernetes for tests, in process: it speaks
// discovery, list with pages and labels, get and patch, and misbehaves where a test
// asks it to. Only tests import it.
//
// It keeps objects as JSON and knows nothing of their kinds: what a real API server
// would fill in or refuse, it does not. `make test-cluster` holds the same code to two
// real ones.
package kubetest
