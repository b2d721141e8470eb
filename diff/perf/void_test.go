package perf

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Law: a stage in which blocks were left out judges as many whole blocks as one without,
// takes its looks after as many, and its results are only as certain as its comparisons. Blocks in which generators
// saw different sides never let it pass, and never hide that green is worse.
func TestLawVoidBlocksAreReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawStage(t)
		planned := NewStage(s.design).Design()
		n := rapid.IntRange(0, 8).Draw(t, "voids")
		void := map[int]bool{}
		for range n {
			void[rapid.IntRange(0, planned.Blocks()-1).Draw(t, "void")] = true
		}
		longer := s.design
		longer.Duration += time.Duration(len(void)) * planned.Block()
		blocks := map[int][]Record{}
		generate(quiet, greenFault{}, longer, func(r Record) bool {
			b := longer.BlockOf(planned.PairStart(r.Pair))
			blocks[b] = append(blocks[b], r)
			return true
		})
		judge := func(apart bool) *Decision {
			stage := NewStage(s.design)
			var last *Decision
			for b := 0; b < stage.Scheduled(); b++ {
				switch {
				case void[b] && apart:
					stage.VoidApart("green failed for worker 2 and for no other worker")
					continue
				case void[b]:
					stage.Void()
					continue
				}
				for _, r := range blocks[b] {
					stage.Add(r)
				}
				end := planned.WarmUp + time.Duration(b+1)*planned.Block()
				if d := stage.Through(end, Health{}); d != nil {
					if whole := b + 1 - d.Voided; d.Seconds != (time.Duration(whole) * planned.Block()).Seconds() {
						t.Fatalf("look after block %d, %d void: at %g s", b, d.Voided, d.Seconds)
					}
					if last = d; d.Final {
						return d
					}
				}
			}
			return last
		}
		d := judge(false)
		if d == nil || !d.Final {
			t.Fatalf("%d void blocks: no last word: %+v", len(void), d)
		}
		if d.Outcome != Inconclusive && d.Look == len(looks) && d.Blocks+d.Dropped+soloBlocks(planned, void) != planned.Blocks() {
			t.Fatalf("%d blocks judged of %d planned", d.Blocks, planned.Blocks())
		}
		if again := judge(false); !reflect.DeepEqual(d, again) {
			t.Fatalf("judged again:\n first  %+v\n second %+v", d, again)
		}
		if apart := judge(true); len(void) > 0 && apart.Outcome == NoWorse && void[0] || d.Outcome == Worse && apart.Outcome != Worse {
			t.Fatalf("with blocks apart %+v, else %+v", apart, d)
		}
	})
}

// soloBlocks counts the blocks that load one side, of those that a stage judges.
func soloBlocks(d Design, void map[int]bool) int {
	n := 0
	for b := range d.Blocks() + len(void) {
		if !void[b] && d.LoadOf(b) != Both {
			n++
		}
	}
	return n
}
