package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/shift"
	"github.com/bgverify/bgverify/runner/shift/machine"
	"github.com/bgverify/bgverify/scenarios/shiftfile"
)

// A Driver gives weight by two commands of the user.
//
//  1. get prints {"blue": 99, "green": 1}; "ttl" may say for how many seconds clients keep
//     what they knew before.
//  2. set reads the same from standard input, and has it in SHIFT_BLUE and SHIFT_GREEN. It is
//     repeated until get shows it, so it must do no harm when it is called twice.
//  3. What get prints after a set decides, whatever the status of set: one that failed is
//     repeated until the time of a write is over.
//  4. Commands carry the folder of the walk in SHIFT_WALK. By that, a set in whose middle its
//     walk was killed is found and stopped before anything else is written (Linux).
type Driver struct {
	config shiftfile.Exec
	dir    string
	ttl    atomic.Int64 // nanoseconds, as get printed last
	walk   atomic.Value // string: the folder of the walk
	// Hide removes what nobody may read from what messages repeat of the commands' output; nil: nothing
	// is. It is set before the first call.
	Hide func(string) string
}

// walkVariable marks the commands of a walk. Rule 4.
const walkVariable = "SHIFT_WALK"

// Claim marks commands by the folder of their walk; stop stops those of earlier processes.
func (d *Driver) Claim(ctx context.Context, folder string, stop bool) int {
	if abs, err := filepath.Abs(folder); err == nil {
		folder = abs
	}
	d.walk.Store(folder)
	if !stop {
		return 0
	}
	return stopMarked(ctx, walkVariable+"="+folder)
}

// New makes a driver whose commands run in the given folder.
func New(config shiftfile.Exec, dir string) *Driver { return &Driver{config: config, dir: dir} }

// Name says what is written to.
func (d *Driver) Name() string { return "exec " + d.config.Set }

// Max is the largest weight.
func (d *Driver) Max() int { return d.config.Max }

// Check has nothing to refuse: what the commands lead to is not known.
func (d *Driver) Check(context.Context) error { return nil }

// mostTTL is the largest TTL that get may print, in seconds: a week.
const mostTTL = 7 * 86400

// Read calls get. Anything but the one object is refused: two objects, or a member given twice, would be
// two answers, and members of other names are not understood. What the commands lead to is not known: there
// is no setting.
func (d *Driver) Read(ctx context.Context) (machine.Weights, machine.Setting, error) {
	out, err := d.run(ctx, Command{Line: d.config.Get, Dir: d.dir})
	if err != nil {
		return machine.Weights{}, nil, fmt.Errorf("get: %w", err)
	}
	var answer struct {
		Blue, Green *int
		TTL         float64
	}
	dec := json.NewDecoder(strings.NewReader(out))
	dec.DisallowUnknownFields() // a third backend, or a TTL by another name
	err = dec.Decode(&answer)
	if _, rest := dec.Token(); err != nil || rest != io.EOF || text.RepeatedMember([]byte(out)) != "" || answer.Blue == nil || answer.Green == nil ||
		*answer.Blue < 0 || *answer.Green < 0 || answer.TTL < 0 || answer.TTL > mostTTL {
		if d.Hide != nil {
			out = d.Hide(out)
		}
		return machine.Weights{}, nil, fmt.Errorf(`get printed %q, not {"blue": 99, "green": 1}`, text.Cut(text.Visible(strings.TrimSpace(out)), 80))
	}
	d.ttl.Store(int64(answer.TTL * float64(time.Second)))
	return machine.Weights{Blue: *answer.Blue, Green: *answer.Green}, nil, nil
}

// Write calls set, after a look by get where the weights must be from.
func (d *Driver) Write(ctx context.Context, from, to machine.Weights, compare bool) error {
	if compare {
		have, _, err := d.Read(ctx)
		if err != nil {
			return err
		}
		if have != from {
			return shift.Refused(fmt.Errorf("the weights are %s, not %s", have, from))
		}
	}
	_, err := d.run(ctx, Command{
		Line: d.config.Set, Dir: d.dir, Stdin: inJSON(to) + "\n",
		Env: []string{fmt.Sprintf("SHIFT_BLUE=%d", to.Blue), fmt.Sprintf("SHIFT_GREEN=%d", to.Green)},
	})
	if err != nil {
		return fmt.Errorf("set: %w", err)
	}
	return nil
}

func (d *Driver) run(ctx context.Context, c Command) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.config.Timeout, fmt.Errorf("no end within %s", d.config.Timeout))
	defer cancel()
	c.Hide = d.Hide
	if walk, ok := d.walk.Load().(string); ok {
		c.Env = append(c.Env, walkVariable+"="+walk)
	}
	return Run(ctx, c)
}

// Await returns at once: when set has ended, the weights are in effect but for the TTL.
func (d *Driver) Await(context.Context) (time.Duration, error) {
	return time.Duration(d.ttl.Load()), nil
}

// ByHand are the commands that set weights without this program.
func (d *Driver) ByHand(to machine.Weights) []string {
	return []string{
		fmt.Sprintf("cd '%s'", strings.ReplaceAll(d.dir, "'", `'\''`)),
		fmt.Sprintf("echo '%s' | SHIFT_BLUE=%d SHIFT_GREEN=%d sh -c '%s'", inJSON(to), to.Blue, to.Green, strings.ReplaceAll(d.config.Set, "'", `'\''`)),
		fmt.Sprintf("sh -c '%s'   # must print %s", strings.ReplaceAll(d.config.Get, "'", `'\''`), inJSON(to)),
	}
}

func inJSON(w machine.Weights) string {
	return fmt.Sprintf(`{"blue": %d, "green": %d}`, w.Blue, w.Green)
}
