package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/report/archive"
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
	if err := parcel.Check(s.plan); err != nil {
		return nil, failed(ctx, err)
	}
	o, err := f.options()
	if err != nil {
		return nil, failed(ctx, err)
	}
	o.Run = s.flags.runID
	if o.Run == "" {
		o.Run = fmt.Sprintf("%s-%08x", archive.CommonName(s.plan.SuiteNames()), s.flags.seed)
	}
	o.Say = func(line string) { fmt.Fprintf(s.io.err, "fleet: %s\n", text.Visible(line)) }
	loaded := parcel.Loaded{Tree: s.tree, Read: s.read, ReadStage: s.readStage, BlueURL: s.flags.blue, GreenURL: s.flags.green, Seed: s.flags.seed}
	if o.Plan, err = loaded.Seal(s.plan, s.env); err != nil {
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
