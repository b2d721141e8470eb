package ready

import (
	"cmp"
	"slices"
)

func judgeDeployment(w *workload) {
	if !w.seen() {
		return
	}
	want, st := w.replicas(), &w.Status
	w.idle = want == 0
	for _, c := range st.Conditions {
		if c.Type == "Progressing" && c.Status == "False" {
			w.say("does not progress: %s%s", c.Reason, because(c.Message))
		}
	}
	switch {
	case st.UpdatedReplicas < want:
		w.say("%d of %d replicas are of the new version", st.UpdatedReplicas, want)
	case st.Replicas > st.UpdatedReplicas:
		w.say("%d old replicas are still there", st.Replicas-st.UpdatedReplicas)
	case st.AvailableReplicas < want:
		w.say("%d of %d replicas are available", st.AvailableReplicas, want)
	}
}

func judgeStatefulSet(w *workload) {
	if !w.seen() {
		return
	}
	want, st := w.replicas(), &w.Status
	w.idle = want == 0
	switch {
	case st.UpdateRevision != st.CurrentRevision && st.UpdatedReplicas < want:
		w.say("%d of %d replicas are of the new version", st.UpdatedReplicas, want)
	case st.ReadyReplicas < want:
		w.say("%d of %d replicas are ready", st.ReadyReplicas, want)
	case w.Spec.MinReady > 0 && st.AvailableReplicas < want:
		w.say("%d of %d replicas are available", st.AvailableReplicas, want)
	}
}

func judgeReplicaSet(w *workload) {
	if w.controller() != "" {
		w.leftOut = true
		return
	}
	want := w.replicas()
	w.idle = want == 0
	if w.seen() && w.Status.AvailableReplicas < want {
		w.say("%d of %d replicas are available", w.Status.AvailableReplicas, want)
	}
}

func judgeDaemonSet(w *workload) {
	if !w.seen() {
		return
	}
	w.idle = w.Status.Desired == 0
	switch st := &w.Status; {
	case st.UpdatedScheduled < st.Desired:
		w.say("runs its new version on %d of %d nodes", st.UpdatedScheduled, st.Desired)
	case st.Available < st.Desired:
		w.say("is available on %d of %d nodes", st.Available, st.Desired)
	}
}

func judgeJob(w *workload) {
	if slices.ContainsFunc(w.Metadata.OwnerReferences, func(o owner) bool { return o.Kind == "CronJob" }) {
		w.leftOut = true
		return
	}
	for _, c := range w.Status.Conditions {
		switch {
		case c.Status != "True":
		case c.Type == "Complete":
			return
		case c.Type == "Failed":
			w.say("has failed: %s%s", c.Reason, because(c.Message))
			return
		}
	}
	if w.Spec.Suspend {
		w.say("is suspended")
		return
	}
	w.say("is not complete")
}

// stuck are the reasons for which a container waits that do not go away by themselves.
var stuck = []string{
	"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError",
	"CreateContainerError", "RunContainerError",
}

// judgePod judges one Pod. One that has ended is left to what controls it; a bare one that failed
// is not ready.
func judgePod(w *workload) {
	st, owner := &w.Status, w.controller()
	if w.Metadata.DeletionTimestamp != "" || owner == "Job" || st.Phase == "Succeeded" || st.Phase == "Failed" && owner != "" {
		w.leftOut = true
		return
	}
	before := false
	for _, c := range slices.Concat(st.InitContainers, st.Containers) {
		if wait := c.State.Waiting; wait != nil && slices.Contains(stuck, wait.Reason) {
			w.say("container %s waits: %s%s", c.Name, wait.Reason, because(wait.Message))
			before = true
		}
	}
	if before {
		return
	}
	if st.Phase == "Failed" {
		w.say("has failed: %s%s", st.Reason, because(st.Message))
		return
	}
	for _, c := range st.Conditions {
		switch {
		case c.Type == "PodScheduled" && c.Status == "False":
			w.say("is not scheduled: %s%s", c.Reason, because(c.Message))
			return
		case c.Type == "Ready" && c.Status == "True" && st.Phase == "Running":
			return
		}
	}
	w.say("is not ready: it is %s", cmp.Or(st.Phase, "new"))
}

func judgeCronJob(w *workload) {
	w.idle = true
	if w.Spec.Suspend {
		w.say("is suspended (except: [CronJob/%s] accepts that)", w.Metadata.Name)
	}
}

func judgeClaim(w *workload) {
	w.idle = true
	if w.Status.Phase != "Bound" {
		w.say("is %s, not Bound", cmp.Or(w.Status.Phase, "new"))
	}
}

// judgeAutoscaler: an autoscaler that cannot read its metric keeps the replicas that it has under
// any load. One whose workload is scaled to zero is disabled, which is no fault.
func judgeAutoscaler(w *workload) {
	w.idle = true
	const off = "ScalingDisabled"
	for _, c := range w.Status.Conditions {
		if (c.Type == "AbleToScale" || c.Type == "ScalingActive") && c.Status == "False" && c.Reason != off {
			w.say("cannot scale: %s%s", c.Reason, because(c.Message))
		}
	}
}

func judgeRoute(w *workload) {
	w.idle = true
	if len(w.Status.Parents) == 0 {
		w.say("no gateway has accepted it")
	}
	for _, p := range w.Status.Parents {
		w.holds(p.Conditions, true, "Accepted", "ResolvedRefs")
	}
}

func judgeIngress(w *workload) {
	w.idle = true
	if len(w.Status.LoadBalancer.Ingress) == 0 {
		w.say("has no address of a load balancer")
	}
}

func judgeGateway(w *workload) {
	if len(w.Status.Addresses) == 0 {
		w.say("has no address")
	}
	w.holds(w.Status.Conditions, false, "Programmed")
}

func judgeService(w *workload) {
	balanced := w.Spec.Type == "LoadBalancer"
	chooses := len(w.Spec.Selector) > 0 && string(w.Spec.Selector) != "null" && string(w.Spec.Selector) != "{}" && w.Spec.Type != "ExternalName"
	w.idle = !balanced
	if balanced && len(w.Status.LoadBalancer.Ingress) == 0 {
		w.say("has no address of a load balancer")
	}
	if chooses && w.endpoints[w.Metadata.Name] == 0 {
		w.say("has no ready endpoint (except: [Service/%s] accepts that)", w.Metadata.Name)
	}
	w.leftOut = !balanced && !chooses
}
