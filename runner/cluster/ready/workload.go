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
		OwnerReferences   []owner           `json:"ownerReferences"`
	} `json:"metadata"`
	Spec struct {
		Replicas    *int   `json:"replicas"`
		Completions *int   `json:"completions"`
		Suspend     bool   `json:"suspend"`
		Type        string `json:"type"`
		MinReady    int    `json:"minReadySeconds"`
		// Selector of a Service; that of a workload has another form, and is not read.
		Selector json.RawMessage `json:"selector"`
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
		Phase              string      `json:"phase"`
		Reason             string      `json:"reason"`
		Message            string      `json:"message"`
		Conditions         []condition `json:"conditions"`
		Containers         []container `json:"containerStatuses"`
		InitContainers     []container `json:"initContainerStatuses"`
		Addresses          []struct{}  `json:"addresses"`
		LoadBalancer       struct {
			Ingress []struct{} `json:"ingress"`
		} `json:"loadBalancer"`
		Parents []struct {
			Conditions []condition `json:"conditions"`
		} `json:"parents"`
	} `json:"status"`

	// endpoints are the ready ones of each Service of the namespace, by name.
	endpoints map[string]int
	// What the judge of its kind finds; see State.
	idle, leftOut bool
	reasons       []string
}

// say adds what the object waits for.
func (w *workload) say(format string, args ...any) {
	w.reasons = append(w.reasons, fmt.Sprintf(format, args...))
}

type owner struct {
	Kind       string `json:"kind"`
	Controller bool   `json:"controller"`
}

type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	ObservedGeneration int64  `json:"observedGeneration"`
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

// A judge says what one kind of workload waits for.
type judge func(w *workload)

// judges has one row for each kind that is judged:
//
//  1. Deployments, StatefulSets, DaemonSets, and ReplicaSets that nothing controls: their
//     controller has seen the spec, and all replicas are new ones and available.
//  2. Jobs are complete. Those of a CronJob come and go, and are left out. A CronJob is not
//     suspended.
//  3. Pods are ready. Those of a Job are left to it, and so is what a controller has replaced.
//  4. Claims of volumes are bound, and autoscalers can scale.
//  5. Gateways, Ingresses and Services of type LoadBalancer have an address, a gateway has accepted each
//     HTTPRoute, and a Service with a selector has a ready endpoint.
//
// Where a condition says which spec it is about, it must be the present one.
var judges = map[string]judge{
	"Deployment":              judgeDeployment,
	"StatefulSet":             judgeStatefulSet,
	"DaemonSet":               judgeDaemonSet,
	"ReplicaSet":              judgeReplicaSet,
	"Job":                     judgeJob,
	"CronJob":                 judgeCronJob,
	"Pod":                     judgePod,
	"PersistentVolumeClaim":   judgeClaim,
	"HorizontalPodAutoscaler": judgeAutoscaler,
	"Gateway":                 judgeGateway,
	"HTTPRoute":               judgeRoute,
	"Ingress":                 judgeIngress,
	"Service":                 judgeService,
}

// Kinds are the kinds that Workload judges, in the order in which they are listed. Those with
// a group are add-ons, which a cluster need not serve.
var Kinds = []string{
	"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod", "PersistentVolumeClaim", "HorizontalPodAutoscaler",
	"Gateway.gateway.networking.k8s.io", "HTTPRoute.gateway.networking.k8s.io", "Ingress", "Service",
}

// A State is what Workload says of one object.
type State struct {
	run.ReadyItem
	LeftOut bool // it is not judged
	Idle    bool // it serves nothing, however ready it is: one with no replicas, or a claim
}

// Workload judges one object by the row of its kind. endpoints are the ready endpoints of
// each Service of its namespace.
func Workload(kind string, object []byte, endpoints map[string]int) State {
	w := workload{endpoints: endpoints}
	s := State{ReadyItem: run.ReadyItem{Kind: kind}}
	if err := json.Unmarshal(object, &w); err != nil {
		s.Reasons = []string{"cannot be read: " + err.Error()}
		return s
	}
	s.Namespace, s.Name, s.Wave = w.Metadata.Namespace, w.Metadata.Name, waveOf(w.Metadata.Annotations)
	judges[kind](&w)
	s.Reasons, s.Ready, s.Idle, s.LeftOut = w.reasons, len(w.reasons) == 0, w.idle, w.leftOut
	return s
}

// seen reports a spec that the controller has not looked at: the rest of the status is
// about an earlier one.
func (w *workload) seen() bool {
	if w.Status.ObservedGeneration < w.Metadata.Generation {
		w.say("its controller has not seen generation %d", w.Metadata.Generation)
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

// controller is the kind of what controls an object; empty: nothing does.
func (w *workload) controller() string {
	for _, owner := range w.Metadata.OwnerReferences {
		if owner.Controller {
			return owner.Kind
		}
	}
	return ""
}

// holds says what of the conditions of these types does not hold, or is about an earlier spec.
// Conditions that are missing count where must is set.
func (w *workload) holds(conditions []condition, must bool, types ...string) {
	for _, name := range types {
		i := slices.IndexFunc(conditions, func(c condition) bool { return c.Type == name })
		if i < 0 {
			if must {
				w.say("has no condition %s", name)
			}
			continue
		}
		switch c := &conditions[i]; {
		case c.ObservedGeneration > 0 && c.ObservedGeneration < w.Metadata.Generation:
			w.say("its condition %s is about generation %d, and the spec has %d", name, c.ObservedGeneration, w.Metadata.Generation)
		case c.Status != "True":
			w.say("is not %s: %s%s", name, c.Reason, because(c.Message))
		}
	}
}
