package ready

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/bgverify/bgverify/runner/run"
)

// A workload is what the kinds of [Kinds] say, as far as it is read here. Each kind uses
// its own fields of the status.
type workload struct {
	Metadata struct {
		Namespace         string            `json:"namespace"`
		Name              string            `json:"name"`
		Generation        int64             `json:"generation"`
		DeletionTimestamp string            `json:"deletionTimestamp"`
		Annotations       map[string]string `json:"annotations"`
		OwnerReferences   []struct {
			Kind string `json:"kind"`
		} `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		Replicas    *int   `json:"replicas"`
		Completions *int   `json:"completions"`
		Suspend     bool   `json:"suspend"`
		Type        string `json:"type"`
	} `json:"spec"`
	Status struct {
		ObservedGeneration int64       `json:"observedGeneration"`
		Replicas           int         `json:"replicas"`
		UpdatedReplicas    int         `json:"updatedReplicas"`
		AvailableReplicas  int         `json:"availableReplicas"`
		ReadyReplicas      int         `json:"readyReplicas"`
		CurrentRevision    string      `json:"currentRevision"`
		UpdateRevision     string      `json:"updateRevision"`
		Desired            int         `json:"desiredNumberScheduled"`
		UpdatedScheduled   int         `json:"updatedNumberScheduled"`
		Available          int         `json:"numberAvailable"`
		Conditions         []condition `json:"conditions"`
		Containers         []container `json:"containerStatuses"`
		InitContainers     []container `json:"initContainerStatuses"`
		Addresses          []struct{}  `json:"addresses"`
		LoadBalancer       struct {
			Ingress []struct{} `json:"ingress"`
		} `json:"loadBalancer"`
	} `json:"status"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

type container struct {
	Name  string `json:"name"`
	State struct {
		Waiting *struct {
			Reason  string `json:"reason"`
			Message string `json:"message"`
		} `json:"waiting"`
	} `json:"state"`
}

// A judge says what one kind of workload waits for. skip: the object is not judged.
type judge func(w *workload, say func(format string, args ...any)) (skip bool)

// judges has one row for each kind that is judged:
//
//  1. Deployments, StatefulSets and DaemonSets: their controller has seen the spec, and
//     all replicas are new ones and available.
//  2. Jobs are complete. Those of a CronJob come and go, and are left out.
//  3. No container waits with an image that cannot be pulled, a wrong configuration, or
//     because it ends again and again.
//  4. Gateways and Services of type LoadBalancer have an address.
var judges = map[string]judge{
	"Deployment":  judgeDeployment,
	"StatefulSet": judgeStatefulSet,
	"DaemonSet":   judgeDaemonSet,
	"Job":         judgeJob,
	"Pod":         judgePod,
	"Gateway":     judgeGateway,
	"Service":     judgeService,
}

// Kinds are the kinds that Workload judges, in the order in which they are listed.
var Kinds = []string{"Deployment", "StatefulSet", "DaemonSet", "Job", "Pod", "Gateway.gateway.networking.k8s.io", "Service"}

// Workload judges one object by the row of its kind; ok is false for an object that is
// not judged.
func Workload(kind string, object []byte) (item run.ReadyItem, ok bool) {
	var w workload
	item = run.ReadyItem{Kind: kind}
	if err := json.Unmarshal(object, &w); err != nil {
		item.Reasons = []string{"cannot be read: " + err.Error()}
		return item, true
	}
	item.Namespace, item.Name, item.Wave = w.Metadata.Namespace, w.Metadata.Name, waveOf(w.Metadata.Annotations)
	say := func(format string, args ...any) { item.Reasons = append(item.Reasons, fmt.Sprintf(format, args...)) }
	if judges[kind](&w, say) {
		return item, false
	}
	item.Ready = len(item.Reasons) == 0
	return item, true
}

// seen reports a spec that the controller has not looked at: the rest of the status is
// about an earlier one.
func (w *workload) seen(say func(string, ...any)) bool {
	if w.Status.ObservedGeneration < w.Metadata.Generation {
		say("its controller has not seen generation %d", w.Metadata.Generation)
		return false
	}
	return true
}

// replicas is how many there must be: one where the spec does not say.
func (w *workload) replicas() int {
	if w.Spec.Replicas == nil {
		return 1
	}
	return *w.Spec.Replicas
}

func judgeDeployment(w *workload, say func(string, ...any)) bool {
	if !w.seen(say) {
		return false
	}
	want, st := w.replicas(), &w.Status
	for _, c := range st.Conditions {
		if c.Type == "Progressing" && c.Status == "False" {
			say("does not progress: %s%s", c.Reason, because(c.Message))
		}
	}
	switch {
	case st.UpdatedReplicas < want:
		say("%d of %d replicas are of the new version", st.UpdatedReplicas, want)
	case st.Replicas > st.UpdatedReplicas:
		say("%d old replicas are still there", st.Replicas-st.UpdatedReplicas)
	case st.AvailableReplicas < want:
		say("%d of %d replicas are available", st.AvailableReplicas, want)
	}
	return false
}

func judgeStatefulSet(w *workload, say func(string, ...any)) bool {
	if !w.seen(say) {
		return false
	}
	want, st := w.replicas(), &w.Status
	switch {
	case st.UpdateRevision != st.CurrentRevision && st.UpdatedReplicas < want:
		say("%d of %d replicas are of the new version", st.UpdatedReplicas, want)
	case st.ReadyReplicas < want:
		say("%d of %d replicas are ready", st.ReadyReplicas, want)
	}
	return false
}

func judgeDaemonSet(w *workload, say func(string, ...any)) bool {
	if !w.seen(say) {
		return false
	}
	switch st := &w.Status; {
	case st.UpdatedScheduled < st.Desired:
		say("runs its new version on %d of %d nodes", st.UpdatedScheduled, st.Desired)
	case st.Available < st.Desired:
		say("is available on %d of %d nodes", st.Available, st.Desired)
	}
	return false
}

func judgeJob(w *workload, say func(string, ...any)) bool {
	for _, owner := range w.Metadata.OwnerReferences {
		if owner.Kind == "CronJob" {
			return true
		}
	}
	for _, c := range w.Status.Conditions {
		switch {
		case c.Status != "True":
		case c.Type == "Complete":
			return false
		case c.Type == "Failed":
			say("has failed: %s%s", c.Reason, because(c.Message))
			return false
		}
	}
	if w.Spec.Suspend {
		say("is suspended")
		return false
	}
	say("is not complete")
	return false
}

// stuck are the reasons for which a container waits that do not go away by themselves.
var stuck = []string{
	"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError",
	"CreateContainerError", "RunContainerError",
}

func judgePod(w *workload, say func(string, ...any)) bool {
	if w.Metadata.DeletionTimestamp != "" {
		return true
	}
	for _, c := range slices.Concat(w.Status.InitContainers, w.Status.Containers) {
		if wait := c.State.Waiting; wait != nil && slices.Contains(stuck, wait.Reason) {
			say("container %s waits: %s%s", c.Name, wait.Reason, because(wait.Message))
		}
	}
	return false
}

func judgeGateway(w *workload, say func(string, ...any)) bool {
	if len(w.Status.Addresses) == 0 {
		say("has no address")
	}
	for _, c := range w.Status.Conditions {
		if c.Type == "Programmed" && c.Status != "True" {
			say("is not programmed: %s%s", c.Reason, because(c.Message))
		}
	}
	return false
}

func judgeService(w *workload, say func(string, ...any)) bool {
	if w.Spec.Type != "LoadBalancer" {
		return true
	}
	if len(w.Status.LoadBalancer.Ingress) == 0 {
		say("has no address of a load balancer")
	}
	return false
}
