package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/runner/attack"
	"github.com/bgverify/bgverify/runner/findings"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/services"
	"github.com/bgverify/bgverify/runner/wire"
	"github.com/bgverify/bgverify/scenarios"
)

// A Fleet fires load stages from other machines; see runner/fleet. message is what a worker's
// Site needs for the stage.
type Fleet interface {
	Stage(message []byte) attack.Fleet
}

// A Parcel is what another machine needs to make the load stages of a plan itself: the files
// that the suites were loaded from, and all that was known when they were loaded. It holds
// secrets, so it is sealed on its way and never archived.
type Parcel struct {
	// Files are those of the suites, by slash path below the tree's root.
	Files map[string][]byte
	// Paths are what the suites were named by.
	Paths []string
	// Stage is the env file and what it uses.
	Stage map[string][]byte `json:",omitempty"`
	// StagePath is the env file's; empty: there is none.
	StagePath string `json:",omitempty"`
	// Certs are certificates and keys below the tree's root.
	Certs map[string][]byte `json:",omitempty"`
	// Environ are the variables of the environment that were asked for.
	Environ map[string]string
	// Vars are those of --var.
	Vars []scenarios.Named `json:",omitempty"`
	// BlueURL and GreenURL are those of flags; empty: the files say it.
	BlueURL  string `json:",omitempty"`
	GreenURL string `json:",omitempty"`
	// Seed is that of the run.
	Seed uint64
	// Now is when the suites were loaded.
	Now time.Time
}

// Pack reads what a parcel names from the tree and from the tree of the env file, which may be nil.
func (p *Parcel) Pack(plan *Plan, names []string, stage fs.FS, stageNames []string) error {
	p.Files, p.Stage, p.Certs = map[string][]byte{}, map[string][]byte{}, map[string][]byte{}
	read := func(from fs.FS, names []string, into map[string][]byte) error {
		for _, name := range names {
			b, err := fs.ReadFile(from, name)
			if err != nil {
				return fmt.Errorf("read %s for the workers: %w", name, err)
			}
			into[name] = b
		}
		return nil
	}
	if err := read(plan.World.Files, names, p.Files); err != nil {
		return err
	}
	if stage != nil {
		if err := read(stage, stageNames, p.Stage); err != nil {
			return err
		}
	}
	for _, name := range certificates(plan.Suites) {
		if filepath.IsAbs(name) || plan.World.Root == "" {
			continue // of each machine
		}
		b, err := os.ReadFile(filepath.Join(plan.World.Root, filepath.FromSlash(name)))
		if err != nil {
			return fmt.Errorf("read %s for the workers: %w", name, err)
		}
		p.Certs[name] = b
	}
	return nil
}

// certificates are the files that the sides' TLS settings name.
func certificates(suites []*scenarios.Suite) []string {
	var names []string
	add := func(t *scenarios.TLS) {
		for _, name := range []string{t.CA, t.Cert, t.Key} {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	for _, suite := range suites {
		for _, side := range []*scenarios.SideConfig{&suite.Blue, &suite.Green} {
			add(&side.TLS)
			for _, s := range side.Services {
				if s.TLS != nil {
					add(s.TLS)
				}
			}
		}
	}
	return names
}

// A Site is a plan on a worker, ready for its load stages.
type Site struct {
	// e is an execution of the plan that sends nothing but load.
	e *execution
	// folder holds the files of the plan.
	folder string
	// stop ends what its walks still send.
	stop context.CancelFunc
	// sink takes what is found; nothing is written here.
	sink *findings.Forward
}

// Open makes a site of a parcel. Its files are kept in their own folder until Close.
// guard says where this machine may send; a service elsewhere refuses the whole plan.
func (p *Parcel) Open(guard *wire.Guard) (*Site, error) {
	s := &Site{sink: &findings.Forward{}}
	var err error
	if s.folder, err = os.MkdirTemp("", "bgverify-worker-"); err != nil {
		return nil, fmt.Errorf("make a folder for the plan: %w", err)
	}
	if err := p.open(s, guard); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// open loads the suites as the coordinator did: from the same files, with the same seed, time,
// variables and environment, so that both have the same plan.
func (p *Parcel) open(s *Site, guard *wire.Guard) error {
	for sub, files := range map[string]map[string][]byte{"plan": p.Files, "stage": p.Stage} {
		if err := unpack(filepath.Join(s.folder, sub), files); err != nil {
			return err
		}
	}
	root := filepath.Join(s.folder, "plan")
	if err := unpack(root, p.Certs); err != nil {
		return err
	}
	getenv := func(name string) (string, bool) { v, ok := p.Environ[name]; return v, ok }
	opts := scenarios.LoadOptions{
		Now: p.Now, Seed: p.Seed, Vars: p.Vars, Getenv: getenv, BlueURL: p.BlueURL, GreenURL: p.GreenURL, Demand: true,
	}
	if p.StagePath != "" {
		env, problems := scenarios.LoadEnv(os.DirFS(filepath.Join(s.folder, "stage")), p.StagePath, opts)
		if problems.HasErrors() {
			return problemsError(problems)
		}
		opts.Env = env
	}
	files := os.DirFS(root)
	suites, problems := scenarios.Load(files, p.Paths, opts)
	if problems.HasErrors() {
		return problemsError(problems)
	}
	plan := &Plan{
		Suites: suites, Env: opts.Env, Vars: p.Vars,
		World:   World{Now: time.Now, Getenv: getenv, Files: files, Root: root, Guard: guard},
		Options: Options{Seed: p.Seed, AllowLoad: true, AllowWrites: true},
	}
	s.e = newExecution(plan, s.sink, nil)
	var ctx context.Context
	ctx, s.stop = context.WithCancel(context.Background())
	s.e.lasting, s.e.stop = ctx, func(error) {}
	if problems := s.e.build(); len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	return s.mayReach(guard)
}

// mayReach refuses services that the guard does not let be dialled. A name without a
// pattern is left to the guard, which sees what it resolves to.
func (s *Site) mayReach(guard *wire.Guard) error {
	var refused []string
	for _, suite := range s.e.suites {
		if len(suite.suite.Loads) == 0 {
			continue
		}
		for _, side := range []*services.Side{suite.blue, suite.green} {
			for _, to := range side.Services {
				if at := to.Config.DialledHost(); at != "" && !guard.MayAllow(at) && !slices.Contains(refused, at) {
					refused = append(refused, at)
				}
			}
		}
	}
	if len(refused) > 0 {
		slices.Sort(refused)
		return fmt.Errorf("this worker may not send to %s: its --allow-host does not name it", strings.Join(refused, ", "))
	}
	return nil
}

// Close removes the plan's files.
func (s *Site) Close() {
	if s.e != nil {
		s.e.pool.Close()
	}
	if s.stop != nil {
		s.stop()
	}
	_ = os.RemoveAll(s.folder)
}

// problemsError is what is wrong in the files as one error. They were loaded without problems
// on the coordinator, so that a problem here is one of the parcel.
func problemsError(problems scenarios.Problems) error {
	var b strings.Builder
	_ = problems.Write(&b)
	return errors.New("the plan cannot be read here: " + strings.TrimSpace(b.String()))
}

// unpack writes files below a folder, readable by this user alone.
func unpack(folder string, files map[string][]byte) error {
	for name, content := range files {
		if !fs.ValidPath(name) {
			return fmt.Errorf("the plan names a file outside its folder: %q", name)
		}
		to := filepath.Join(folder, filepath.FromSlash(path.Clean(name)))
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("keep the plan: %w", err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			return fmt.Errorf("keep the plan: %w", err)
		}
	}
	return os.MkdirAll(folder, 0o700)
}

// A stageMessage is what a worker needs to know of a stage: which one, and what setups left.
type stageMessage struct {
	// Suite and Stage name the load stage in the plan.
	Suite string
	Stage string
	// Now is the coordinator's time when the stage began.
	Now time.Time
	// Environ are the variables of the environment that were asked for so far.
	Environ map[string]string
	// Sessions are what setups left, of every suite whose cases take the load.
	Sessions []sessionMessage
}

// A sessionMessage is what a suite's setup left on both straight lanes.
type sessionMessage struct {
	Suite      string
	Generation int
	Lanes      []laneMessage
}

// A laneMessage is what a lane carries: captures, cookies, and what an archive hid.
type laneMessage struct {
	Kind     LaneKind
	Captures map[string]scenarios.Value
	Jar      *wire.Jar
	Hidden   []run.Hidden
}

// message is what workers need for a stage whose setups have run.
func (s *suiteRun) message(stage *scenarios.LoadStage, homes []*suiteRun) ([]byte, error) {
	m := stageMessage{Suite: s.suite.Name, Stage: stage.Name, Now: s.run.now()}
	if asked := s.run.plan.World.Asked; asked != nil {
		m.Environ = asked()
	}
	for _, home := range homes {
		home.session.mu.Lock()
		one := sessionMessage{Suite: home.suite.Name, Generation: home.session.generation}
		for _, kind := range []LaneKind{LaneBlue, LaneGreen} {
			if l := home.session.lanes[kind]; l != nil {
				one.Lanes = append(one.Lanes, laneMessage{Kind: kind, Captures: l.captures, Jar: l.jar, Hidden: l.hidden})
			}
		}
		home.session.mu.Unlock()
		m.Sessions = append(m.Sessions, one)
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write the stage for the workers: %w", err)
	}
	return b, nil
}

// Begin makes ready to fire shares of a stage; see fleet.Site.
func (s *Site) Begin(ctx context.Context, message []byte, o attack.Order, emit func(*attack.Share)) (*attack.Member, error) {
	var m stageMessage
	if err := json.Unmarshal(message, &m); err != nil {
		return nil, fmt.Errorf("read the stage: %w", err)
	}
	own, stage := s.find(m.Suite, m.Stage)
	if stage == nil {
		return nil, fmt.Errorf("the plan has no load stage %s of suite %s", m.Stage, m.Suite)
	}
	// Times in requests are those of the coordinator, so that all workers send the same.
	s.e.plan.World.Now = func() time.Time { return m.Now }
	for _, one := range m.Sessions {
		if err := s.restore(&one); err != nil {
			return nil, err
		}
	}
	found := findings.New(own.suite.Name, stage.Name, s.e.secret, s.sink)
	s.sink.Begin()
	var homes []*suiteRun
	plan, why, _ := own.attackPlan(ctx, stage, found, &homes)
	if plan == nil {
		return nil, errors.New(why)
	}
	return attack.Join(ctx, *plan, o, emit, s.sink.Drain)
}

// find is the suite and the load stage of the plan with these names; nil: there is none.
func (s *Site) find(suite, stage string) (*suiteRun, *scenarios.LoadStage) {
	for _, own := range s.e.suites {
		for _, l := range own.suite.Loads {
			if own.suite.Name == suite && l.Name == stage {
				return own, l
			}
		}
	}
	return nil, nil
}

// restore gives a suite the session that setup left on the coordinator. It does not grow old
// here: the coordinator decides when setup runs.
func (s *Site) restore(m *sessionMessage) error {
	for _, own := range s.e.suites {
		if own.suite.Name != m.Suite {
			continue
		}
		c := &own.session
		c.generation, c.left, c.born = m.Generation, false, s.e.now()
		c.lanes, c.apart = map[LaneKind]*lane{}, map[LaneKind]time.Duration{}
		for _, l := range m.Lanes {
			made := newLane(l.Kind)
			if l.Captures != nil {
				made.captures = l.Captures
			}
			if l.Jar != nil {
				made.jar = l.Jar
			}
			made.hidden = l.Hidden
			c.lanes[l.Kind] = made
		}
		return nil
	}
	return fmt.Errorf("the plan has no suite %s", m.Suite)
}

// created books what a walk under load created; on a worker the coordinator does.
func (e *execution) created(c *run.Created) {
	if f, ok := e.sink.(*findings.Forward); ok {
		f.AddCreated(c)
		return
	}
	e.totals.AddCreated(c)
}
