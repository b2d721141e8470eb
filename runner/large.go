package runner

import (
	"sync"

	"github.com/bgverify/bgverify/runner/judge"
)

// Judging a pair takes a few times the memory of its bodies. Pairs of large ones
// are judged one after the other, so that the memory of the process does not grow
// with the number of cases that run at once.
var oneLarge sync.Mutex

const largePair = 4 << 20 // bytes of both bodies

// judgeTrial calls Judge, for one pair of large bodies at a time.
func judgeTrial(t *judge.Trial) *judge.Judgement {
	if answerSize(t.Blue)+answerSize(t.Green) > largePair {
		t.Blue.Forget() // what captures read: it is not held while others are judged
		t.Green.Forget()
		oneLarge.Lock()
		defer oneLarge.Unlock()
	}
	return judge.Judge(t)
}

func answerSize(x *judge.Answer) int {
	if x == nil {
		return 0
	}
	return len(x.Answer)
}
