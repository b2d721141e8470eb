package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// A Reason is why something could not be read or patched. Zero is invalid.
type Reason uint8

// The reasons.
const (
	Forbidden    Reason = iota + 1 // the user has no right to the verb on the kind
	Unauthorized                   // the credentials are refused: expired, or of another cluster
	NotFound                       // there is no such object, or the server does not serve the kind
	Conflict                       // a test of a patch did not hold: the object is another one by now
	Invalid                        // the server refuses the patch
	Expired                        // pages of a list expired each time it was begun again
	Torn                           // answers broke off, or were not what was asked for
	Busy                           // the server asked to come again later, each time
	Unreachable                    // no answer at all
	Refused                        // any other answer that is an error
)

// reasonWords say what happened, for messages.
var reasonWords = [...]string{
	Forbidden: "no right to", Unauthorized: "the credentials are not accepted for", NotFound: "not found:", Conflict: "changed meanwhile:",
	Invalid: "refused as invalid:", Expired: "the pages expired each time:", Torn: "the answer is not whole:",
	Busy:        "the server is too busy to",
	Unreachable: "cannot reach the API server to", Refused: "the API server refused to",
}

// String is the reason in words, followed by a verb in messages.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasonWords) {
		return fmt.Sprintf("Reason(%d)", uint8(r))
	}
	return reasonWords[r]
}

// An Error is something of a cluster that could not be read or patched.
type Error struct {
	Cluster   string // Access.Name
	Verb      string // get, list, patch, create
	Kind      string // with its group: deployments.apps
	Namespace string // empty: all, or none
	Name      string // of the object; empty for lists
	Reason    Reason
	Err       error
}

// Error says which cluster, verb and kind it is about:
//
//	green: no right to list deployments.apps in namespace stb: forbidden
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s %s", e.Cluster, e.Reason, e.Verb, e.Kind)
	if e.Name != "" {
		b.WriteString(" " + e.Name)
	}
	if e.Namespace != "" {
		b.WriteString(" in namespace " + e.Namespace)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap is the error of client-go.
func (e *Error) Unwrap() error { return e.Err }

// Hint is what the reader can do about it; empty: nothing is known.
func (e *Error) Hint() string {
	switch e.Reason {
	case Forbidden:
		return fmt.Sprintf("grant %s on %s to this user; deploy/kubernetes/clusters/reader.yaml has the whole role", e.Verb, e.Kind)
	case Unauthorized:
		return "sign in again (aws sso login, or a new token); an EKS token is valid for 15 minutes, and the user must be known to the cluster"
	case Unreachable:
		return "is the API server's address reachable from here (VPN, endpoint access, security group)?"
	}
	return ""
}

// Is reports whether an error is an [Error] for one of these reasons.
func Is(err error, reasons ...Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && slices.Contains(reasons, e.Reason)
}

// reasonOf sorts an error of client-go. Whoever cancelled a request is not the server:
// the context's own error is returned as it is.
func reasonOf(err error) Reason {
	var netErr net.Error
	switch {
	case apierrors.IsForbidden(err):
		return Forbidden
	case apierrors.IsUnauthorized(err):
		return Unauthorized
	case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err):
		return NotFound
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return Conflict
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return Invalid
	case isExpired(err):
		return Expired
	case apierrors.IsTooManyRequests(err):
		return Busy
	case errors.Is(err, errTorn), errors.Is(err, io.ErrUnexpectedEOF):
		return Torn
	case errors.As(err, &netErr), errors.Is(err, context.DeadlineExceeded), errors.Is(err, io.EOF):
		return Unreachable
	}
	return Refused
}

// isExpired reports whether a list has to begin again: its pages are gone.
func isExpired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

// errTorn marks an answer that is not whole, or not what was asked for.
var errTorn = errors.New("not a list of this kind")
