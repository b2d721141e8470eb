package cluster_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// plurals are the kinds of the samples that Kubernetes itself has.
var plurals = map[string]string{
	"Job": "jobs", "CronJob": "cronjobs", "Deployment": "deployments", "Service": "services", "PersistentVolumeClaim": "persistentvolumeclaims", "ServiceAccount": "serviceaccounts",
	"ConfigMap": "configmaps", "Secret": "secrets", "Role": "roles", "RoleBinding": "rolebindings", "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings",
	"NetworkPolicy": "networkpolicies",
}

// realSamples gives every object of deploy/ to a real server, which checks all fields and keeps
// nothing. Kinds of add-ons have no definition here, but for the Jobs within templates of Argo Rollouts.
func realSamples(t *testing.T, s *realServer) {
	tried, foreign := 0, map[string]bool{}
	for _, object := range samples(t) {
		kind, _ := object["kind"].(string)
		if job := jobOf(object); kind == "ClusterAnalysisTemplate" && job != nil {
			object, kind = job, "Job"
		}
		plural := plurals[kind]
		if plural == "" {
			foreign[kind] = true
			continue
		}
		tried++
		s.dryRun(object, plural)
	}
	if tried < 10 {
		t.Errorf("%d objects of deploy/ were tried, want at least 10", tried)
	}
	t.Logf("%d objects are valid; not tried, as their definitions are not here: %v", tried, foreign)
	broken := map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": map[string]any{"name": "x"}, "spec": map[string]any{"backofLimit": 0}}
	if status, _ := s.send(broken, "jobs"); status < 400 {
		t.Error("a field that does not exist is accepted: the server does not check")
	}
}

// samples are the documents of the manifests below deploy/, without the chart's templates.
func samples(t *testing.T) (out []map[string]any) {
	t.Helper()
	err := filepath.WalkDir("../../deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" || strings.Contains(filepath.ToSlash(path), "/helm/") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		dec := yaml.NewDecoder(f)
		for {
			var object map[string]any
			if err := dec.Decode(&object); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if object["apiVersion"] != nil {
				out = append(out, object)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// jobOf is the Job within a template of an analysis; nil: it has none.
func jobOf(template map[string]any) map[string]any {
	text, err := json.Marshal(template)
	if err != nil {
		return nil
	}
	var t struct {
		Spec struct {
			Metrics []struct {
				Provider struct {
					Job map[string]any
				}
			}
		}
	}
	if json.Unmarshal(text, &t) != nil || len(t.Spec.Metrics) == 0 || t.Spec.Metrics[0].Provider.Job == nil {
		return nil
	}
	job := t.Spec.Metrics[0].Provider.Job
	job["apiVersion"], job["kind"], job["metadata"] = "batch/v1", "Job", map[string]any{"generateName": "analysis-"}
	return job
}

// dryRun holds an object to the server.
func (s *realServer) dryRun(object map[string]any, plural string) {
	s.t.Helper()
	if status, text := s.send(object, plural); status < 200 || status > 299 {
		s.t.Errorf("%s %v: %d %s", object["kind"], object["metadata"], status, text)
	}
}

func (s *realServer) send(object map[string]any, plural string) (int, string) {
	s.t.Helper()
	version, _ := object["apiVersion"].(string)
	root := "/apis/" + version
	if version == "v1" {
		root = "/api/v1"
	}
	if !strings.HasPrefix(plural, "cluster") {
		metadata, _ := object["metadata"].(map[string]any)
		namespace, ok := metadata["namespace"].(string)
		if !ok {
			namespace = "default"
		}
		_, _ = s.try(http.MethodPost, "/api/v1/namespaces", fmt.Sprintf(`{"metadata":{"name":%q}}`, namespace)) // it may be there
		root += "/namespaces/" + namespace
	}
	text, err := json.Marshal(object)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.try(http.MethodPost, root+"/"+plural+"?dryRun=All&fieldValidation=Strict", string(text))
}
