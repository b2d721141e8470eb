package ready

import (
	"cmp"
	"slices"
)

func judgeDeployment(w *workload, say func(string, ...any)) bool {
	if !w.seen(say) {
		return false
	}
	want, st := w.replicas(), &w.Status
	w.idle = want == 0
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
	w.idle = want == 0
	switch {
	case st.UpdateRevision != st.CurrentRevision && st.UpdatedReplicas < want:
		say("%d of %d replicas are of the new version", st.UpdatedReplicas, want)
	case st.ReadyReplicas < want:
		say("%d of %d replicas are ready", st.ReadyReplicas, want)
	case w.Spec.MinReady > 0 && st.AvailableReplicas < want:
		say("%d of %d replicas are available", st.AvailableReplicas, want)
	}
	return false
}

func judgeReplicaSet(w *workload, say func(string, ...any)) bool {
	if w.controller() != "" {
		return true
	}
	want := w.replicas()
	w.idle = want == 0
	if w.seen(say) && w.Status.AvailableReplicas < want {
		say("%d of %d replicas are available", w.Status.AvailableReplicas, want)
	}
	return false
}

func judgeDaemonSet(w *workload, say func(string, ...any)) bool {
	if !w.seen(say) {
		return false
	}
	w.idle = w.Status.Desired == 0
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

// judgePod judges one Pod. One that has ended is left to what controls it; a bare one that failed
// is not ready.
func judgePod(w *workload, say func(string, ...any)) bool {
	st, owner := &w.Status, w.controller()
	if w.Metadata.DeletionTimestamp != "" || owner == "Job" || st.Phase == "Succeeded" || st.Phase == "Failed" && owner != "" {
		return true
	}
	before := false
	for _, c := range slices.Concat(st.InitContainers, st.Containers) {
		if wait := c.State.Waiting; wait != nil && slices.Contains(stuck, wait.Reason) {
			say("container %s waits: %s%s", c.Name, wait.Reason, because(wait.Message))
			before = true
		}
	}
	if before {
		return false
	}
	if st.Phase == "Failed" {
		say("has failed: %s%s", st.Reason, because(st.Message))
		return false
	}
	for _, c := range st.Conditions {
		switch {
		case c.Type == "PodScheduled" && c.Status == "False":
			say("is not scheduled: %s%s", c.Reason, because(c.Message))
			return false
		case c.Type == "Ready" && c.Status == "True" && st.Phase == "Running":
			return false
		}
	}
	say("is not ready: it is %s", cmp.Or(st.Phase, "new"))
	return false
}

func judgeCronJob(w *workload, say func(string, ...any)) bool {
	w.idle = true
	if w.Spec.Suspend {
		say("is suspended (except: [CronJob/%s] accepts that)", w.Metadata.Name)
	}
	return false
}

func judgeClaim(w *workload, say func(string, ...any)) bool {
	w.idle = true
	if w.Status.Phase != "Bound" {
		say("is %s, not Bound", cmp.Or(w.Status.Phase, "new"))
	}
	return false
}

// judgeAutoscaler: an autoscaler that cannot read its metric keeps the replicas that it has under
// any load. One whose workload is scaled to zero is disabled, which is no fault.
func judgeAutoscaler(w *workload, say func(string, ...any)) bool {
	w.idle = true
	const off = "ScalingDisabled"
	for _, c := range w.Status.Conditions {
		if (c.Type == "AbleToScale" || c.Type == "ScalingActive") && c.Status == "False" && c.Reason != off {
			say("cannot scale: %s%s", c.Reason, because(c.Message))
		}
	}
	return false
}

func judgeRoute(w *workload, say func(string, ...any)) bool {
	w.idle = true
	if len(w.Status.Parents) == 0 {
		say("no gateway has accepted it")
	}
	for _, p := range w.Status.Parents {
		w.holds(p.Conditions, true, say, "Accepted", "ResolvedRefs")
	}
	return false
}

func judgeIngress(w *workload, say func(string, ...any)) bool {
	w.idle = true
	if len(w.Status.LoadBalancer.Ingress) == 0 {
		say("has no address of a load balancer")
	}
	return false
}

func judgeGateway(w *workload, say func(string, ...any)) bool {
	if len(w.Status.Addresses) == 0 {
		say("has no address")
	}
	w.holds(w.Status.Conditions, false, say, "Programmed")
	return false
}

func judgeService(w *workload, say func(string, ...any)) bool {
	balanced := w.Spec.Type == "LoadBalancer"
	chooses := len(w.Spec.Selector) > 0 && string(w.Spec.Selector) != "null" && string(w.Spec.Selector) != "{}" && w.Spec.Type != "ExternalName"
	w.idle = !balanced
	if balanced && len(w.Status.LoadBalancer.Ingress) == 0 {
		say("has no address of a load balancer")
	}
	if chooses && w.endpoints[w.Metadata.Name] == 0 {
		say("has no ready endpoint (except: [Service/%s] accepts that)", w.Metadata.Name)
	}
	return !balanced && !chooses
}
