package ready

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// An Asked is what is asked of every application.
type Asked struct {
	// Revision is the commit that must be deployed, or its beginning; empty: any.
	Revision string
	// Suspended counts as healthy.
	Suspended bool
	// Before is when Argo CD had compared each application as the wait began, by namespace
	// and name (argocd/epg). No clock of ours is held against one of the cluster's. An application that is not in it
	// came later.
	Before map[string]time.Time
}

// An application is what an Application of Argo CD says, as far as it is read here.
type application struct {
	Metadata struct {
		Name              string            `json:"name"`
		Namespace         string            `json:"namespace"`
		Annotations       map[string]string `json:"annotations"`
		DeletionTimestamp string            `json:"deletionTimestamp"`
	} `json:"metadata"`
	Spec struct {
		Source      json.RawMessage   `json:"source"`
		Sources     []json.RawMessage `json:"sources"`
		Destination json.RawMessage   `json:"destination"`
	} `json:"spec"`
	Operation json.RawMessage `json:"operation"`
	Status    struct {
		ReconciledAt time.Time `json:"reconciledAt"`
		Sync         struct {
			Status     string   `json:"status"`
			Revision   string   `json:"revision"`
			Revisions  []string `json:"revisions"`
			ComparedTo struct {
				Source      json.RawMessage   `json:"source"`
				Sources     []json.RawMessage `json:"sources"`
				Destination json.RawMessage   `json:"destination"`
			} `json:"comparedTo"`
		} `json:"sync"`
		Health struct {
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"health"`
		OperationState *struct {
			Phase   string `json:"phase"`
			Message string `json:"message"`
		} `json:"operationState"`
		Conditions []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"conditions"`
	} `json:"status"`
}

// waveAnnotation orders the applications of an app-of-apps.
const waveAnnotation = "argocd.argoproj.io/sync-wave"

// Application judges one Application. It is ready when none of these finds something:
//
//  1. What Argo CD compared last (source or sources, and destination) is what the spec
//     says now; else the rest of the status is about an earlier spec.
//  2. It is Synced, at the revision where one is asked for.
//  3. Its last operation has succeeded and none is pending.
//  4. It is Healthy, and no condition is an error.
//  5. Argo CD has compared it after the wait began. Health by itself comes too early:
//     it is that of the objects of the last comparison.
//
// An Application that was never synced is not ready, also where it says Synced: an empty
// one does.
func Application(object []byte, asked *Asked) run.ReadyItem {
	var a application
	item := run.ReadyItem{Kind: "Application"}
	if err := json.Unmarshal(object, &a); err != nil {
		item.Reasons = []string{"cannot be read: " + err.Error()}
		return item
	}
	item.Name, item.Wave = a.Metadata.Name, waveOf(a.Metadata.Annotations)
	say := func(format string, args ...any) { item.Reasons = append(item.Reasons, fmt.Sprintf(format, args...)) }
	st := &a.Status
	if a.Metadata.DeletionTimestamp != "" {
		say("is being deleted")
	}
	compared := &st.Sync.ComparedTo
	switch { // Rule 1
	case st.Sync.Status == "":
		say("has not been compared by Argo CD")
	case !sameJSON(a.Spec.Source, compared.Source) || !slices.EqualFunc(a.Spec.Sources, compared.Sources, sameJSON):
		say("its status is stale: Argo CD compared another source than the spec names")
	case !sameJSON(a.Spec.Destination, compared.Destination):
		say("its status is stale: Argo CD compared another destination than the spec names")
	}
	a.sync(asked, say)
	switch op := st.OperationState; { // Rule 3
	case len(a.Operation) > 0 && string(a.Operation) != "null":
		say("a sync is pending")
	case op == nil:
		say("was never synced by Argo CD")
	case op.Phase != "Succeeded":
		say("its last operation is %s%s", op.Phase, because(op.Message))
	}
	switch health := st.Health.Status; { // Rule 4
	case health == "Healthy", health == "Suspended" && asked.Suspended:
	case health == "Suspended":
		say("is Suspended; suspended: true accepts that")
	case health == "":
		say("has no health")
	default:
		say("is %s%s", health, because(st.Health.Message))
	}
	for _, c := range st.Conditions {
		if strings.HasSuffix(c.Type, "Error") {
			say("%s%s", c.Type, because(c.Message))
		}
	}
	before, known := asked.Before[a.Metadata.Namespace+"/"+item.Name]
	if known && !st.ReconciledAt.After(before) || st.ReconciledAt.IsZero() { // Rule 5
		item.Waits = len(item.Reasons) == 0
		say("Argo CD has not compared it since the wait began (last %s)", atText(st.ReconciledAt))
	}
	item.Ready = len(item.Reasons) == 0
	return item
}

// sync is rule 2.
func (a *application) sync(asked *Asked, say func(string, ...any)) {
	s := &a.Status.Sync
	if s.Status != "Synced" && s.Status != "" {
		say("is %s", s.Status)
	}
	if asked.Revision == "" {
		return
	}
	at := s.Revisions
	if len(at) == 0 {
		at = []string{s.Revision}
	}
	if !slices.ContainsFunc(at, func(r string) bool { return strings.HasPrefix(r, asked.Revision) }) {
		say("is at revision %s, not %s", text.Cut(strings.Join(at, " and "), 90), asked.Revision)
	}
}

// because is a message as the end of a sentence.
func because(message string) string {
	if message == "" {
		return ""
	}
	return ": " + text.Cut(message, 200)
}

func atText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("15:04:05 UTC")
}

// waveOf is the sync wave that an annotation gives; 0 without one.
func waveOf(annotations map[string]string) int {
	n, err := strconv.Atoi(annotations[waveAnnotation])
	if err != nil {
		return 0
	}
	return n
}

// sameJSON compares two values whatever the order of members. Members that are null,
// false or empty texts count as not written: Argo CD drops them in what it compared.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if len(a) > 0 && json.Unmarshal(a, &x) != nil || len(b) > 0 && json.Unmarshal(b, &y) != nil {
		return false
	}
	left, _ := json.Marshal(withoutEmpty(x)) // maps are written in the order of their keys
	right, _ := json.Marshal(withoutEmpty(y))
	return string(left) == string(right)
}

// withoutEmpty drops empty members of objects, at every depth.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			switch m = withoutEmpty(m); m {
			case nil, false, "":
				delete(v, k)
			default:
				v[k] = m
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = withoutEmpty(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	}
	return v
}

// reconciledAt is when Argo CD compared an application last; zero: never, or not known.
func reconciledAt(object []byte) time.Time {
	var a application
	if json.Unmarshal(object, &a) != nil {
		return time.Time{}
	}
	return a.Status.ReconciledAt
}
