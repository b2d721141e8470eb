package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/cluster/kube"
)

// ImageKind is the kind of objects that say what a namespace runs: one for each image that the
// Pods name, with the digests that their nodes have pulled for it. A tag that was pushed again
// is another image under the same name, which no specification shows.
const ImageKind = "Image"

// images adds the images of a namespace. Digests of one image that has none in a registry, as one
// that was built on its node, are not known.
func (inv *Inventory) images(ctx context.Context, c *kube.Cluster, namespace string) error {
	r, ok := inv.Served.Find("Pod")
	if !ok {
		return fmt.Errorf("%s: the API server does not serve Pods", c.Name)
	}
	digests := map[string][]string{}
	_, err := c.List(ctx, kube.Query{Resource: r, Namespace: namespace, Keep: func(o kube.Object) (kube.Object, bool, error) {
		type container struct{ Name, Image, ImageID string }
		var pod struct {
			Metadata struct{ DeletionTimestamp string }
			Spec     struct{ InitContainers, Containers []container }
			Status   struct{ InitContainerStatuses, ContainerStatuses []container }
		}
		if err := json.Unmarshal(o.JSON, &pod); err != nil || pod.Metadata.DeletionTimestamp != "" {
			return o, false, err
		}
		ran := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
		for _, asked := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			i := slices.IndexFunc(ran, func(s container) bool { return s.Name == asked.Name })
			if i < 0 {
				continue
			}
			_, digest, pulled := strings.Cut(ran[i].ImageID, "@") // registry.example/app@sha256:…
			if pulled && !slices.Contains(digests[asked.Image], digest) {
				digests[asked.Image] = append(digests[asked.Image], digest)
			}
		}
		return o, false, nil
	}, Again: func() { clear(digests) }})
	if err != nil {
		return err
	}
	for _, image := range slices.Sorted(maps.Keys(digests)) {
		slices.Sort(digests[image])
		body, err := json.Marshal(map[string]any{"digests": digests[image]})
		if err != nil {
			return err
		}
		inv.Objects = append(inv.Objects, Object{Kind: ImageKind, Namespace: namespace, Name: image, JSON: body})
	}
	return nil
}
