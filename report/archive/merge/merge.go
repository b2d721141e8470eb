// Package merge makes one run of the shards of a plan (--shard 1/4 to 4/4).
//
// In go the folders of the shards. [Open] checks that they belong together: all shards of
// one plan, each once, with the same files, flags, seed, sides and builds. Out comes a
// [Set], which writes their exchanges, results and load records into a new run folder; the
// verdict of that run is made by runner.Merge. Nothing is sent, and no shard is changed.
package merge

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/replay"
	"github.com/bgverify/bgverify/runner"
	"github.com/bgverify/bgverify/runner/run"
)

// A Set is the shards of one plan, in the order of their numbers.
type Set struct {
	shards []*shard
}

// A shard is one folder of a set.
type shard struct {
	folder *archive.Folder
	run    *run.Run
	asked  *replay.Asked
	files  *archive.Manifest
	digest string
	number int
	of     int
	ranks  runner.Ranks
}

// Open reads the folders and checks that they are the shards of one plan.
//
//  1. A folder that is not what its manifest says cannot be relied on; the error is then not a
//     hint.Error.
//  2. A run that did not come to its end is refused: resume it first.
//  3. Each shard of the plan is there once, and nothing else.
//  4. All of them were made by one version of bgverify, which is that of tool, of the same files
//     by their digests, with the same flags, variables, seed and sides, and met the same builds.
//
// Everything that is wrong by rules 2 to 4 is in one hint.Error, with the folder that it is
// about.
func Open(folders []*archive.Folder, tool run.Tool) (*Set, error) {
	set := &Set{}
	var wrong problems
	for _, f := range folders {
		s, err := read(f, &wrong)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path(), err)
		}
		if s != nil {
			set.shards = append(set.shards, s)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	if err := set.check(tool); err != nil {
		return nil, err
	}
	slices.SortFunc(set.shards, func(a, b *shard) int { return a.number - b.number })
	set.rank()
	return set, nil
}

// check is rules 3 and 4.
func (set *Set) check(tool run.Tool) error {
	var wrong problems
	set.complete(&wrong)
	if of := set.shards[0].run.Header.Tool; of != tool {
		wrong.add("", "merge with the version that made the shards", "the shards were made by bgverify %s, and this is %s", of.Version,
			tool.Version)
	}
	met := map[string]saying{}
	for i, s := range set.shards {
		if i > 0 {
			wrong.unlike(set.shards[0], s)
		}
		wrong.unlikeSides(met, s)
	}
	return wrong.err()
}

// read is rules 1 and 2 for one folder; nil: it is refused.
func read(f *archive.Folder, wrong *problems) (*shard, error) {
	if done, err := f.Complete(); err != nil {
		return nil, err
	} else if !done {
		wrong.add(f.Path(), "bgverify resume "+filepath.Base(f.Path()), "the run has not ended")
		return nil, nil
	}
	if err := f.Verify(); err != nil {
		return nil, err
	}
	s := &shard{folder: f}
	var err error
	if s.files, s.digest, err = f.Manifest(); err != nil {
		return nil, err
	}
	if s.run, err = f.Run(); err != nil {
		return nil, err
	}
	if s.asked, err = replay.ReadAsked(f.Path()); err != nil {
		return nil, err
	}
	h := &s.run.Header
	switch {
	case s.run.End.Verdict >= run.Interrupted || s.run.End.Verdict == 0:
		wrong.add(f.Path(), "bgverify resume "+h.ID, "the run was %s", s.run.End.Verdict)
		return nil, nil
	case h.Parent != "" || h.Verb != "":
		wrong.add(f.Path(), "merge the runs that sent their requests", "the run was made by bgverify %s", h.Verb)
		return nil, nil
	}
	for _, flag := range h.Flags {
		if value, ok := strings.CutPrefix(flag, "--shard="); ok {
			if _, err := fmt.Sscanf(value, "%d/%d", &s.number, &s.of); err != nil {
				return nil, fmt.Errorf("read the flags of the run: %s: %w", flag, err)
			}
		}
	}
	if s.of < 1 || s.number < 1 || s.number > s.of {
		wrong.add(f.Path(), "bgverify run --shard 1/4 … makes the first of four", "the run is not a shard: it was made without --shard")
		return nil, nil
	}
	return s, nil
}

// complete is rule 3.
func (set *Set) complete(wrong *problems) {
	first := set.shards[0]
	by := map[int]*shard{}
	for _, s := range set.shards {
		path := s.folder.Path()
		if s.of != first.of {
			wrong.add(path, "", "it is shard %d/%d, but %s is %d/%d", s.number, s.of, first.folder.Path(), first.number, first.of)
			continue
		}
		if other := by[s.number]; other != nil {
			wrong.add(path, "give each shard once", "shard %d/%d is %s already", s.number, s.of, other.folder.Path())
		}
		by[s.number] = s
	}
	var missing []string
	for i := 1; i <= first.of && len(missing) < 10; i++ {
		if by[i] == nil {
			missing = append(missing, fmt.Sprintf("%d/%d", i, first.of))
		}
	}
	if len(missing) > 0 {
		wrong.add("", "a shard with no case in it is refused by run: use as many shards as there are cases, at most",
			"shards are missing: %s", strings.Join(missing, ", "))
	}
}

// rank numbers the shards that have a suite, for the names of their setups.
func (set *Set) rank() {
	count := map[string]int{}
	for _, s := range set.shards {
		s.ranks = runner.Ranks{}
		for _, head := range s.run.Header.Suites {
			count[head.Name]++
			s.ranks[head.Name] = [2]int{count[head.Name], 0}
		}
	}
	for _, s := range set.shards {
		for name, r := range s.ranks {
			s.ranks[name] = [2]int{r[0], count[name]}
		}
	}
}

// First is the folder whose files and flags speak for all shards.
func (set *Set) First() *archive.Folder { return set.shards[0].folder }

// Header is that of the first shard, without its number: flags and narrowing are those of the
// whole plan.
func (set *Set) Header() run.Header {
	h := set.shards[0].run.Header
	h.Flags = slices.DeleteFunc(slices.Clone(h.Flags), func(flag string) bool { return strings.HasPrefix(flag, "--shard=") })
	return h
}

// Graver is the run of the shard with the gravest verdict.
func (set *Set) Graver() (*archive.Folder, *run.Run) {
	worst := slices.MaxFunc(set.shards, func(a, b *shard) int { return int(a.run.End.Verdict) - int(b.run.End.Verdict) })
	return worst.folder, worst.run
}

// Sources says what the merged run was made of.
func (set *Set) Sources() []run.Shard {
	var out []run.Shard
	var green run.SideHead // as the shards before showed it
	for i, s := range set.shards {
		own := &s.run.End.Sides.Green
		out = append(out, run.Shard{
			Number: s.number, ID: s.run.Header.ID, Digest: s.digest, Verdict: s.run.End.Verdict,
			Host: s.run.Header.Env.Hostname, Started: s.run.Header.Started, Ended: s.ended(), Apart: i > 0 && !green.SharesIdentity(own),
		})
		green.Add(own)
	}
	return out
}

// ended is when the shard's verdict was made.
func (s *shard) ended() time.Time {
	return s.run.Header.Started.Add(time.Duration(s.run.End.ElapsedMS * float64(time.Millisecond)))
}

// Into writes the merged run into w, up to its verdict. plan is that of the whole.
func (set *Set) Into(ctx context.Context, plan *runner.Plan, w *archive.Writer, progress func(runner.Progress)) (*run.End, error) {
	plan.Shards = set.Sources()
	var shards []runner.Shard
	for _, s := range set.shards {
		if err := w.Adopt(s.folder, s.ranks.Rename); err != nil {
			return nil, err
		}
		shards = append(shards, runner.Shard{
			Number: s.number, Run: s.run, Ranks: s.ranks,
			Load: func(l *run.LoadResult) (string, error) { return s.copyRecords(l, w) },
		})
	}
	return runner.Merge(ctx, plan, shards, w, progress)
}

// copyRecords takes over the records of a load stage.
func (s *shard) copyRecords(l *run.LoadResult, w *archive.Writer) (string, error) {
	if !filepath.IsLocal(l.Records) { // a foreign run.json may name any file
		return "", fmt.Errorf("%s: load %s: %q names no records", s.folder.Path(), l.Name, l.Records)
	}
	from, err := os.Open(filepath.Join(s.folder.Path(), filepath.FromSlash(l.Records)))
	if err != nil {
		return "", fmt.Errorf("load %s: %w", l.Name, err)
	}
	defer from.Close()
	to, err := w.LoadFile(l.Name)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	if cerr := to.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return "", fmt.Errorf("take over the records of load %s: %w", l.Name, err)
	}
	return to.Name(), nil
}

// problems are the reasons why folders do not belong together.
type problems struct {
	lines []string
	hint  string
}

// add notes one reason; the first hint is shown.
func (p *problems) add(path, advice, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if path != "" {
		line = path + ": " + line
	}
	p.lines = append(p.lines, line)
	if p.hint == "" {
		p.hint = advice
	}
}

// err is all of them as one error; nil: there are none.
func (p *problems) err() error {
	if len(p.lines) == 0 {
		return nil
	}
	return hint.Errorf(p.hint, "the runs cannot be merged\n%s", strings.Join(p.lines, "\n"))
}
