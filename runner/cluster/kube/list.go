package kube

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// A Resource is a kind as a server serves it.
type Resource struct {
	Group      string `json:"group,omitempty"` // empty: the core group
	Version    string `json:"version"`
	Name       string `json:"name"` // plural, as in paths: deployments
	Kind       string `json:"kind"`
	Namespaced bool   `json:"namespaced,omitempty"`
}

// APIVersion is what objects of the kind write: apps/v1.
func (r Resource) APIVersion() string {
	if r.Group == "" {
		return r.Version
	}
	return r.Group + "/" + r.Version
}

// String is the plural with its group, as RBAC and kubectl write it: deployments.apps.
func (r Resource) String() string {
	if r.Group == "" {
		return r.Name
	}
	return r.Name + "." + r.Group
}

// path is the path of the resource in a namespace, or of all of them where it is empty.
func (r Resource) path(namespace string) []string {
	base := []string{"/apis", r.Group, r.Version}
	if r.Group == "" {
		base = []string{"/api", r.Version}
	}
	if r.Namespaced && namespace != "" {
		base = append(base, "namespaces", namespace)
	}
	return append(base, r.Name)
}

// An Object is one object of a cluster. JSON is what the server sent, or what the
// caller of [Cluster.List] kept of it.
type Object struct {
	APIVersion string
	Kind       string
	Namespace  string // empty: of the whole cluster
	Name       string
	JSON       []byte
}

// A Query says what is listed.
type Query struct {
	Resource  Resource
	Namespace string // empty: all
	Selector  string // labels; empty: all
	// Keep takes each object as it arrives and returns what is kept of it; ok false:
	// nothing. nil: everything is kept. An error ends the list.
	Keep func(Object) (kept Object, ok bool, err error)
	// Again is called before a list begins again, for a Keep that keeps things itself. nil:
	// nothing has to be forgotten.
	Again func()
}

// How a list deals with what goes wrong on the way.
const (
	pageSize    = 500
	maxRestarts = 3      // of a list whose pages expired
	maxRetries  = 3      // of one page whose answer was torn
	maxPages    = 20_000 // ten million objects
)

// retryPause is the wait before a page is asked for again.
const retryPause = 200 * time.Millisecond

// List reads all objects that a query names, in the order of the server. Its rules:
//
//  1. Objects come in pages of 500. Where the server has given up the pages (410 Gone)
//     the list begins again, and what was read before is dropped.
//  2. A page whose answer breaks off is asked for again. Where that does not help, the
//     list is an error.
//  3. An answer that is not a list of the kind, and a page that holds an object a
//     second time, are errors: nothing of it counts as "there is nothing".
//  4. Every error is an *Error, but for that of a context that has ended.
func (c *Cluster) List(ctx context.Context, q Query) ([]Object, error) {
	var err error
	for range maxRestarts {
		var out []Object
		if out, err = c.listOnce(ctx, &q); err == nil {
			return out, nil
		}
		if !isExpired(err) {
			break
		}
		if q.Again != nil {
			q.Again()
		}
	}
	return nil, c.failed(ctx, err, &Error{Verb: "list", Kind: q.Resource.String(), Namespace: q.Namespace})
}

// failed gives an error its place. What the caller ended is not an error of the cluster.
func (c *Cluster) failed(ctx context.Context, err error, e *Error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e.Cluster, e.Reason, e.Err = c.Name, reasonOf(err), err
	return e
}

// listOnce reads the pages of a list once.
func (c *Cluster) listOnce(ctx context.Context, q *Query) ([]Object, error) {
	var out []Object
	seen := map[string]bool{}
	token := ""
	for range maxPages {
		page, err := c.page(ctx, q, token)
		if err != nil {
			return nil, err
		}
		for _, raw := range page.Items {
			object, err := q.Resource.object(raw)
			if err != nil {
				return nil, err
			}
			key := object.Namespace + "/" + object.Name
			if seen[key] {
				return nil, fmt.Errorf("%w: %s is in it twice", errTorn, key) // Rule 3
			}
			seen[key] = true
			if q.Keep != nil {
				kept, ok, err := q.Keep(object)
				if err != nil {
					return nil, err
				}
				if !ok {
					continue
				}
				object = kept
			}
			out = append(out, object)
		}
		if token = page.Metadata.Continue; token == "" {
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: more than %d pages", errTorn, maxPages)
}

// answer sends a request and returns the body of its answer, or the error with what the
// server wrote about it.
func answer(ctx context.Context, r *rest.Request) ([]byte, error) {
	result := r.Do(ctx)
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// A listPage is one answer of the list API.
type listPage struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

// page reads one page, again where its answer is torn (rule 2).
func (c *Cluster) page(ctx context.Context, q *Query, token string) (*listPage, error) {
	var err error
	for try := range maxRetries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(retryPause << try):
			}
		}
		var page *listPage
		if page, err = c.pageOnce(ctx, q, token); err == nil {
			return page, nil
		}
		if r := reasonOf(err); r != Torn && r != Unreachable || ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (c *Cluster) pageOnce(ctx context.Context, q *Query, token string) (*listPage, error) {
	r := c.client.Get().AbsPath(q.Resource.path(q.Namespace)...).Param("limit", strconv.Itoa(pageSize))
	if token != "" {
		r = r.Param("continue", token)
	}
	if q.Selector != "" {
		r = r.Param("labelSelector", q.Selector)
	}
	raw, err := answer(ctx, r)
	if err != nil {
		return nil, err
	}
	page := &listPage{}
	if err := json.Unmarshal(raw, page); err != nil {
		return nil, fmt.Errorf("%w: %w", errTorn, err)
	}
	if !strings.HasSuffix(page.Kind, "List") || page.Kind != q.Resource.Kind+"List" && page.Kind != "List" { // Rule 3
		return nil, fmt.Errorf("%w: kind %q", errTorn, page.Kind)
	}
	return page, nil
}

// object reads the name of an item. Items of a list do not say their kind; the list does.
func (r Resource) object(raw []byte) (Object, error) {
	var head struct {
		Metadata struct {
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return Object{}, fmt.Errorf("%w: %w", errTorn, err)
	}
	if head.Metadata.Name == "" {
		return Object{}, fmt.Errorf("%w: an item without a name", errTorn)
	}
	return Object{
		APIVersion: r.APIVersion(), Kind: r.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name, JSON: bytes.TrimSpace(raw),
	}, nil
}

// Get reads one object. An object that is not there is an *Error with NotFound.
func (c *Cluster) Get(ctx context.Context, r Resource, namespace, name string) (Object, error) {
	raw, err := answer(ctx, c.client.Get().AbsPath(append(r.path(namespace), name)...))
	var object Object
	if err == nil {
		object, err = r.object(raw)
	}
	if err != nil {
		return Object{}, c.failed(ctx, err, &Error{Verb: "get", Kind: r.String(), Namespace: namespace, Name: name})
	}
	return object, nil
}
