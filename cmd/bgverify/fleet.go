package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/fleet"
	"github.com/bgverify/bgverify/runner/parcel"
)

// fleetFlags are the flags of verbs whose load several machines may fire.
type fleetFlags struct {
	workers     int
	listen      string
	bus         string
	creds       string
	fingerprint string
	tokenFile   string
	cert, key   string
	within      time.Duration
}

func (f *fleetFlags) bind(set *pflag.FlagSet) {
	set.IntVar(&f.workers, "workers", 0, "fire the load stages from `N` other machines, each with 'bgverify worker'; 0: from this one")
	set.StringVar(&f.listen, "listen", fleet.DefaultListen, "`address` on which workers are waited for; off loopback with TLS")
	set.StringVar(&f.bus, "bus", "", "`URL` of a NATS server to use instead of listening, such as nats://nats.example:4222")
	set.StringVar(&f.creds, "bus-creds", "", "`file` of NATS credentials for --bus")
	set.StringVar(&f.fingerprint, "bus-fingerprint", "", "`SHA-256` of the certificate of --bus, if no known authority signed it")
	set.StringVar(&f.tokenFile, "bus-token-file", "", "`file` of the join token (default a new token, shown in the join line)")
	set.StringVar(&f.cert, "bus-tls-cert", "", "`file` of the certificate for --listen (default a new one)")
	set.StringVar(&f.key, "bus-tls-key", "", "`file` of the key of --bus-tls-cert")
	set.DurationVar(&f.within, "join-within", 5*time.Minute, "how long the workers may take to join")
}

// check finds flags that contradict each other.
func (f *fleetFlags) check() error {
	switch {
	case f.workers < 0 || f.workers > fleet.MaxWorkers:
		return usage(fmt.Sprintf("0 to %d", fleet.MaxWorkers), "--workers %d is out of bounds", f.workers)
	case (f.cert == "") != (f.key == ""):
		return usage("give both or neither", "--bus-tls-cert and --bus-tls-key belong together")
	case f.bus == "" && (f.creds != "" || f.fingerprint != ""):
		return usage("add --bus", "--bus-creds and --bus-fingerprint are about an existing bus")
	case f.bus != "" && f.cert != "":
		return usage("leave it out", "--bus-tls-cert is about --listen, and --bus is given")
	case f.workers == 0 && (f.bus != "" || f.tokenFile != "" || f.cert != ""):
		return usage("--workers 3", "the flags of the bus need --workers")
	case f.within <= 0:
		return usage("5m", "--join-within must be above 0")
	}
	return nil
}

// options are those of a coordinator.
func (f *fleetFlags) options() (fleet.Options, error) {
	o := fleet.Options{
		Tool: toolVersion(), Workers: f.workers, Within: f.within,
		Listen: fleet.Listening{Address: f.listen, Cert: f.cert, Key: f.key},
	}
	if f.bus != "" {
		o.Bus = &fleet.Address{URL: f.bus, Fingerprint: f.fingerprint, Creds: f.creds}
	}
	if f.tokenFile == "" {
		o.Token, o.ShowToken = fleet.NewToken(), true
		return o, nil
	}
	var err error
	o.Token, err = fleet.ReadToken(f.tokenFile)
	return o, err
}

// gather waits for the workers that the flags ask for and gives them the plan. Nothing
// was sent to either side then. release ends the run for them.
func (s *session) gather(ctx context.Context) (release func(), err error) {
	f := &s.flags.fleetFlags
	if f.workers == 0 {
		return func() {}, nil
	}
	if stages := distributed(s.plan); stages == 0 {
		return nil, usage("leave --workers out", "nothing is to be fired by workers: the run has no load stage")
	}
	if err := openLoops(s.plan); err != nil {
		return nil, err
	}
	o, err := f.options()
	if err != nil {
		return nil, failed(ctx, err)
	}
	o.Run = s.flags.runID
	if o.Run == "" {
		o.Run = fmt.Sprintf("%s-%08x", folderName(suiteNames(s.plan)), s.flags.seed)
	}
	o.Say = func(line string) { fmt.Fprintf(s.io.err, "fleet: %s\n", text.Visible(line)) }
	if o.Plan, err = s.parcel(); err != nil {
		return nil, broken(err)
	}
	c, err := fleet.Start(ctx, o)
	if err != nil {
		return nil, failed(ctx, err)
	}
	if err := c.WaitForWorkers(ctx); err != nil {
		c.Close()
		if n := stopSignal(ctx); n != 0 {
			return nil, exit(128 + n)
		}
		return nil, failed(ctx, err)
	}
	s.plan.Fleet = c
	return c.Close, nil
}

func suiteNames(plan *runner.Plan) []string {
	names := make([]string, len(plan.Suites))
	for i, suite := range plan.Suites {
		names[i] = suite.Name
	}
	return names
}

// openLoops refuses stages with users, which one machine fires: each waits for its own answers.
func openLoops(plan *runner.Plan) error {
	var at []string
	for _, suite := range plan.Suites {
		for _, stage := range suite.Loads {
			if stage.Users.Count > 0 {
				at = append(at, fmt.Sprintf("%s: load %q has users", stage.Pos, stage.Name))
			}
		}
	}
	if len(at) == 0 || plan.Options.Part == runner.OnlyCompare {
		return nil
	}
	return usage("leave --workers out, or give the stage a rate; nothing was sent", "workers fire stages at a rate only\n%s", strings.Join(at, "\n"))
}

// distributed counts the load stages that will run.
func distributed(plan *runner.Plan) int {
	if plan.Options.Part == runner.OnlyCompare {
		return 0
	}
	n := 0
	for _, suite := range plan.Suites {
		n += len(suite.Loads)
	}
	return n
}

// parcel is what workers need of the session.
func (s *session) parcel() ([]byte, error) {
	p := &parcel.Parcel{
		Paths: s.tree.paths, Environ: s.env.asked(), Vars: s.plan.Vars, BlueURL: s.flags.blue, GreenURL: s.flags.green, Seed: s.flags.seed,
		Now: s.plan.World.Now(),
	}
	for _, suite := range s.plan.Suites {
		for _, name := range suite.Secrets {
			_, _ = s.env.get(name)
		}
	}
	p.Environ = s.env.asked()
	if t := s.tree.stage; t != nil {
		p.StagePath = t.paths[0]
		if err := p.Pack(s.plan, s.read, t.files, s.readStage); err != nil {
			return nil, err
		}
	} else if err := p.Pack(s.plan, s.read, nil, nil); err != nil {
		return nil, err
	}
	return json.Marshal(p)
}

// A recordedEnv remembers what was asked of the environment, for workers.
type recordedEnv struct {
	mu   sync.Mutex
	seen map[string]string
}

func (e *recordedEnv) get(name string) (string, bool) {
	v, ok := getenv(name)
	if ok {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.seen == nil {
			e.seen = map[string]string{}
		}
		e.seen[name] = v
	}
	return v, ok
}

func (e *recordedEnv) asked() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.seen)
}
