package kube

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/suggest"
)

// An Access says how a cluster is reached.
type Access struct {
	// Name is what messages call the cluster: blue, green, or that of Argo CD.
	Name string
	// Context is a context of the kubeconfig; empty: its current one.
	Context string
	// Kubeconfig is a file; a leading ~/ is the home folder. Empty: $KUBECONFIG, else
	// ~/.kube/config.
	Kubeconfig string
	// InCluster uses the service account of the pod that bgverify runs in.
	InCluster bool
}

// A Cluster is a connection to one API server. It is safe for concurrent use.
type Cluster struct {
	// Name is the Access's.
	Name string
	// Host is the address of the API server, without credentials.
	Host   string
	client *rest.RESTClient

	mu       sync.Mutex // guards warnings
	warnings []string
}

// Limits of one request.
const (
	requestTimeout = 60 * time.Second
	maxAnswer      = 256 << 20
)

// unlimited switches client-go's own limit of requests off. Requests go out one after
// the other, at most eight at once, and a server that wants fewer says so (429).
const unlimited = -1

// quiet keeps client-go's own log off the terminal: what matters comes back as an error.
var quiet = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) })

// Connect reads the kubeconfig and prepares the connection; nothing is sent. What is
// wrong with the files is an error with a hint, of package hint.
func Connect(a Access) (*Cluster, error) {
	quiet()
	config, err := a.config()
	if err != nil {
		return nil, err
	}
	c := &Cluster{Name: a.Name, Host: config.Host}
	config.Timeout = cmp.Or(config.Timeout, requestTimeout)
	config.QPS = unlimited
	config.UserAgent = "bgverify"
	config.WarningHandler = c
	config.NegotiatedSerializer = codecs
	config.Wrap(func(rt http.RoundTripper) http.RoundTripper { return limited{rt} })
	if config.ExecProvider != nil {
		config.ExecProvider.StdinUnavailable = true // a plugin that asks for a password would wait without end
	}
	if c.client, err = rest.UnversionedRESTClientFor(config); err != nil {
		return nil, hint.Errorf("check the kubeconfig: kubectl cluster-info shows whether it works", "cluster %s: %w", a.Name, err)
	}
	return c, nil
}

// codecs decode nothing but the errors of the server: objects stay JSON.
var codecs = func() runtime.NegotiatedSerializer {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).WithoutConversion()
}()

// config reads the access's configuration.
func (a Access) config() (*rest.Config, error) {
	if a.InCluster {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, hint.Errorf("in-cluster works in a pod with a service account; elsewhere name a context", "cluster %s: %w", a.Name, err)
		}
		return config, nil
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.WarnIfAllMissing = false
	if a.Kubeconfig != "" {
		file, err := expandHome(a.Kubeconfig)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(file); err != nil {
			return nil, hint.Errorf("kubeconfig: names a file of this machine; aws eks update-kubeconfig --kubeconfig FILE writes one",
				"cluster %s: kubeconfig %s: %w", a.Name, a.Kubeconfig, hint.WithoutPath(err))
		}
		rules.ExplicitPath = file
	}
	loaded, err := rules.Load()
	if err != nil {
		return nil, hint.Errorf("kubectl config view shows what is wrong", "cluster %s: read the kubeconfig: %w", a.Name, err)
	}
	if len(loaded.Contexts) == 0 {
		return nil, hint.Errorf("write kubeconfig: FILE, set KUBECONFIG, or in-cluster: true in a pod",
			"cluster %s: no kubeconfig with a context (looked at %s)",
			a.Name, strings.Join(rules.GetLoadingPrecedence(), ", "))
	}
	name := cmp.Or(a.Context, loaded.CurrentContext)
	if _, ok := loaded.Contexts[name]; !ok {
		names := slices.Sorted(maps.Keys(loaded.Contexts))
		return nil, hint.Errorf(cmp.Or(suggest.Hint(name, names), "the contexts are "+strings.Join(names, ", ")),
			"cluster %s: the kubeconfig has no context %q", a.Name, name)
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*loaded, name, &clientcmd.ConfigOverrides{}, rules).ClientConfig()
	if err != nil {
		return nil, hint.Errorf("kubectl --context "+name+" version shows the same", "cluster %s: context %s: %w", a.Name, name, err)
	}
	return config, nil
}

// expandHome replaces a leading ~/ by the home folder.
func expandHome(file string) (string, error) {
	rest, ok := strings.CutPrefix(file, "~/")
	if !ok {
		return file, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("kubeconfig %s: %w", file, err)
	}
	return filepath.Join(home, rest), nil
}

// HandleWarningHeader keeps what the server warns of, such as a deprecated version.
// client-go calls it.
func (c *Cluster) HandleWarningHeader(code int, _ string, text string) {
	const warning, most = 299, 200
	c.mu.Lock()
	defer c.mu.Unlock()
	if code == warning && len(c.warnings) < most && !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
	}
}

// Warnings are what the server warned of so far, each once, sorted.
func (c *Cluster) Warnings() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.warnings))
}
