package kube

import (
	"context"
	"encoding/json"

	"k8s.io/apimachinery/pkg/types"
)

// An Op is one operation of a JSON Patch (RFC 6902). A test whose value is not the
// object's makes the server refuse the whole patch, so that a patch changes what its
// author has seen or nothing.
type Op struct {
	Op    string `json:"op"`   // test, replace, add, remove
	Path  string `json:"path"` // a JSON Pointer
	Value any    `json:"value,omitzero"`
}

// Create creates an object from its JSON and returns it. One that is there already is an *Error with
// Conflict.
func (c *Cluster) Create(ctx context.Context, r Resource, namespace, name string, body []byte) (Object, error) {
	raw, err := answer(ctx, c.client.Post().AbsPath(r.path(namespace)...).SetHeader("Content-Type", "application/json").MaxRetries(0).Body(body))
	var object Object
	if err == nil {
		object, err = r.object(raw)
	}
	if err != nil {
		return Object{}, c.failed(ctx, err, &Error{Verb: "create", Kind: r.String(), Namespace: namespace, Name: name})
	}
	return object, nil
}

// Patch changes one object by a JSON Patch and returns it as it is afterwards. Nothing in this package
// writes but for it, Annotate and Create. A test that does not hold is an *Error
// with Conflict or Invalid (the API server says 422 for both): read the object again
// to tell them apart.
func (c *Cluster) Patch(ctx context.Context, r Resource, namespace, name string, ops []Op) (Object, error) {
	body, err := json.Marshal(ops)
	if err != nil {
		return Object{}, err
	}
	return c.patch(ctx, r, Object{Namespace: namespace, Name: name}, types.JSONPatchType, body)
}

// Annotate sets one annotation of an object.
func (c *Cluster) Annotate(ctx context.Context, r Resource, o Object, key, value string) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	if err != nil {
		return err
	}
	_, err = c.patch(ctx, r, o, types.MergePatchType, body)
	return err
}

// patch sends a patch of any kind, once: a patch that is sent again after a lost
// answer would fail its own tests.
func (c *Cluster) patch(ctx context.Context, r Resource, o Object, kind types.PatchType, body []byte) (Object, error) {
	raw, err := answer(ctx, c.client.Patch(kind).AbsPath(append(r.path(o.Namespace), o.Name)...).MaxRetries(0).Body(body))
	var object Object
	if err == nil {
		object, err = r.object(raw)
	}
	if err != nil {
		return Object{}, c.failed(ctx, err, &Error{Verb: "patch", Kind: r.String(), Namespace: o.Namespace, Name: o.Name})
	}
	return object, nil
}
