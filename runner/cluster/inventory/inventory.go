package inventory

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/cluster/kube"
)

// An Inventory is what one cluster holds of what was asked for.
type Inventory struct {
	Served kube.Served `json:"served"`
	// Kubelets are the versions of the nodes, each once, sorted; empty where nodes may not
	// be read.
	Kubelets []string `json:"kubelets,omitempty"`
	// Warnings are what the server warned of while it was read.
	Warnings []string `json:"warnings,omitempty"`
	// Unread says what could not be read, in words. An inventory with such an entry is not
	// whole, and nothing of it is alike.
	Unread []string `json:"unread,omitempty"`
	// UnreadKinds are the kinds of which something is missing, as Kind.group. Their objects
	// cannot be distinguished from missing ones.
	UnreadKinds []string `json:"unread_kinds,omitempty"`
	// UnreadRoutes says what could not be read of the objects that services are read from.
	UnreadRoutes []string `json:"unread_routes,omitempty"`
	// Objects are what is compared, and Routes the objects that services are read from.
	Objects []Object `json:"objects"`
	Routes  []Object `json:"routes,omitempty"`
}

// An Object is one object as it is compared.
type Object struct {
	Kind      string `json:"kind"`
	Group     string `json:"group,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	UID       string `json:"uid,omitempty"`
	// Versions are the versions that the object was written in, of its managed fields and
	// of what was applied last. The version it is stored in cannot be read.
	Versions []string        `json:"versions,omitempty"`
	JSON     json.RawMessage `json:"object"`
}

// Key is the same for an object on both clusters.
func (o *Object) Key() string { return o.Kind + "." + o.Group + "/" + o.Namespace + "/" + o.Name }

// Title names an object for people: Deployment stb/epg.
func (o *Object) Title() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// A Plan says what is read. It is the same for both clusters.
type Plan struct {
	// Kinds are read in Namespaces; those of the whole cluster once. Optional kinds may be
	// served by neither cluster.
	Kinds      []Kind
	Namespaces []string
	// RouteKind is the kind that services are read from, in RouteNamespaces; empty: none.
	RouteKind       string
	RouteNamespaces []string
	// Images reads which digests the Pods of Namespaces run of each image, as objects of ImageKind.
	Images bool
	// Key digests the values of Secrets.
	Key []byte
	// Redact replaces known secrets in the JSON of an object; nil: there are none.
	Redact func([]byte) []byte
}

// A Kind is one kind that is read.
type Kind struct {
	Name     string // Kind, or Kind.group
	Optional bool   // built in: it need not be served
}

// Common are the resources of a plan's kinds as both servers serve them: in one version
// where there is one. A kind that one server alone serves has its resource there only.
type Common struct {
	Kind        Kind
	Blue, Green *kube.Resource
}

// Match finds the resources of kinds on both servers. Reading both sides in one version
// keeps differences of versions out of the comparison. unread says which kinds nothing is
// known of.
func Match(kinds []Kind, blue, green *kube.Served) (found []Common, unread []string) {
	for _, k := range kinds {
		c := Common{Kind: k}
		b, okBlue := blue.Find(k.Name)
		g, okGreen := green.Find(k.Name)
		switch {
		case okBlue && okGreen:
			if i := slices.IndexFunc(green.Resources, func(r kube.Resource) bool { return r == b }); i < 0 {
				// The best version of blue is not green's: any other that both serve.
				for _, r := range blue.Resources {
					if r.Kind == b.Kind && slices.Contains(green.Resources, r) {
						b = r
						break
					}
				}
			}
			if slices.Contains(green.Resources, b) {
				g = b
			}
			c.Blue, c.Green = &b, &g
		case okBlue:
			c.Blue = &b
		case okGreen:
			c.Green = &g
		case !k.Optional:
			unread = append(unread, fmt.Sprintf("neither cluster serves the kind %s", k.Name))
			continue
		default:
			continue
		}
		found = append(found, c)
	}
	for _, side := range []struct {
		name   string
		served *kube.Served
	}{{"blue", blue}, {"green", green}} {
		for _, gv := range side.served.Failed {
			group, _, _ := strings.Cut(gv, "/")
			if slices.ContainsFunc(kinds, func(k Kind) bool { return groupOf(k.Name) == group || groupOf(k.Name) == "" && !k.Optional }) {
				unread = append(unread, fmt.Sprintf("%s: the API server does not say which kinds %s has", side.name, gv))
			}
		}
	}
	return found, unread
}

// groupOf is the group that a kind names; empty: none.
func groupOf(kind string) string {
	_, group, _ := strings.Cut(kind, ".")
	return group
}

// Read reads the objects of one cluster. What cannot be read is in Unread; the error is
// that of a context that ended.
func Read(ctx context.Context, c *kube.Cluster, served *kube.Served, resources []kube.Resource, plan *Plan) (*Inventory, error) {
	inv := &Inventory{Served: *served, Objects: []Object{}}
	read := func(r kube.Resource, namespaces []string, into *[]Object, unread *[]string) error {
		if !r.Namespaced {
			namespaces = []string{""}
		}
		for _, namespace := range namespaces {
			list, err := list(ctx, c, r, namespace, plan)
			if err := note(err, unread); err != nil {
				return err
			}
			if err != nil && unread == &inv.Unread {
				inv.UnreadKinds = append(inv.UnreadKinds, r.Kind+"."+r.Group)
			}
			*into = append(*into, list...)
		}
		return nil
	}
	for _, r := range resources {
		if err := read(r, plan.Namespaces, &inv.Objects, &inv.Unread); err != nil {
			return nil, err
		}
	}
	if plan.RouteKind != "" {
		r, ok := served.Find(plan.RouteKind)
		if !ok {
			inv.UnreadRoutes = append(inv.UnreadRoutes, fmt.Sprintf("%s: the cluster does not serve the kind %s", c.Name, plan.RouteKind))
		} else if err := read(r, plan.RouteNamespaces, &inv.Routes, &inv.UnreadRoutes); err != nil {
			return nil, err
		}
	}
	if plan.Images {
		for _, namespace := range plan.Namespaces {
			if err := note(inv.images(ctx, c, namespace), &inv.Unread); err != nil {
				return nil, err
			}
		}
	}
	if err := inv.kubelets(ctx, c); err != nil {
		return nil, err
	}
	inv.Warnings = c.Warnings()
	return inv, nil
}

// note keeps what could not be read. It returns the error of a context that ended.
func note(err error, unread *[]string) error {
	var e *kube.Error
	switch {
	case err == nil:
	case errors.As(err, &e):
		text := e.Error()
		if hint := e.Hint(); hint != "" {
			text += " (" + hint + ")"
		}
		*unread = append(*unread, text)
	default:
		return err
	}
	return nil
}

// list reads the objects of one kind, pruned, and the versions they are written in.
func list(ctx context.Context, c *kube.Cluster, r kube.Resource, namespace string, plan *Plan) ([]Object, error) {
	var out []Object
	_, err := c.List(ctx, kube.Query{Resource: r, Namespace: namespace, Keep: func(o kube.Object) (kube.Object, bool, error) {
		object, ok, err := plan.object(r, o)
		if ok && err == nil {
			out = append(out, object)
		}
		return kube.Object{}, false, err
	}, Again: func() { out = out[:0] }})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// object prunes one object and passes it through the redactor; ok is false for one that
// every cluster makes by itself.
func (p *Plan) object(r kube.Resource, o kube.Object) (Object, bool, error) {
	doc, err := decode(o.JSON)
	if err != nil {
		return Object{}, false, err
	}
	// What is being deleted is not there: the other side's is then on that side alone.
	if ownedByCluster(r.Kind, doc) || text(member(doc, "metadata")["deletionTimestamp"]) != "" {
		return Object{}, false, nil
	}
	out := Object{Kind: r.Kind, Group: r.Group, Namespace: o.Namespace, Name: o.Name, Versions: versions(doc)}
	out.UID, _ = member(doc, "metadata")["uid"].(string)
	prune(r.Kind, doc)
	switch r.Kind {
	case "Secret":
		p.digest(doc, func(string) bool { return true })
	case "ConfigMap":
		p.digest(doc, isCredential)
	}
	p.hideCredentials(doc)
	body, err := json.Marshal(doc)
	if err == nil && p.Redact != nil {
		body = p.Redact(body)
	}
	out.JSON = body
	return out, true, err
}

// digest replaces the values of a Secret or ConfigMap whose names say that they are
// secret: equal values have equal digests in this run.
func (p *Plan) digest(doc map[string]any, secret func(name string) bool) {
	for _, field := range []string{"data", "binaryData", "stringData"} {
		values := member(doc, field)
		for k, v := range values {
			if value, ok := v.(string); ok && secret(k) {
				values[k] = p.digestOf(value)
			}
		}
	}
}

// digestOf is what replaces a value under the key of the run.
func (p *Plan) digestOf(value string) string {
	mac := hmac.New(sha256.New, p.Key)
	mac.Write([]byte(value))
	const shown = 12 // bytes
	return "digest:" + hex.EncodeToString(mac.Sum(nil)[:shown])
}

// credentialName finds names of values that are secret.
var credentialName = regexp.MustCompile(`(?i)pass(word|wd|phrase)|pwd|secret|token|(api|access|private)[-_.]?key|credential`)

func isCredential(name string) bool { return credentialName.MatchString(name) }

// hideCredentials digests values of environment variables that are named like secrets:
// the name and the value are two members there, which no redactor of JSON connects.
func (p *Plan) hideCredentials(v any) {
	switch v := v.(type) {
	case map[string]any:
		name, named := v["name"].(string)
		if value, ok := v["value"].(string); ok && named && value != "" && isCredential(name) {
			v["value"] = p.digestOf(value)
		}
		for _, m := range v {
			p.hideCredentials(m)
		}
	case []any:
		for _, m := range v {
			p.hideCredentials(m)
		}
	}
}

// kubelets reads the versions of the nodes. A user who may not list nodes is told so by
// their absence: nodes are no object that is compared.
func (inv *Inventory) kubelets(ctx context.Context, c *kube.Cluster) error {
	r, ok := inv.Served.Find("Node")
	if !ok {
		return nil
	}
	_, err := c.List(ctx, kube.Query{Resource: r, Keep: func(o kube.Object) (kube.Object, bool, error) {
		var node struct {
			Status struct {
				NodeInfo struct {
					KubeletVersion string `json:"kubeletVersion"`
				} `json:"nodeInfo"`
			} `json:"status"`
		}
		if err := json.Unmarshal(o.JSON, &node); err != nil {
			return o, false, err
		}
		if v := node.Status.NodeInfo.KubeletVersion; v != "" && !slices.Contains(inv.Kubelets, v) {
			inv.Kubelets = append(inv.Kubelets, v)
		}
		return o, false, nil
	}})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		inv.Kubelets = nil
	}
	slices.Sort(inv.Kubelets)
	return nil
}

// Write writes an inventory as one JSON document.
func (inv *Inventory) Write(to io.Writer) error {
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	return enc.Encode(inv)
}

// Load reads what Write wrote.
func Load(from io.Reader) (*Inventory, error) {
	inv := &Inventory{}
	if err := json.NewDecoder(from).Decode(inv); err != nil {
		return nil, fmt.Errorf("read the inventory of a cluster: %w", err)
	}
	return inv, nil
}
