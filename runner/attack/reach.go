package attack

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/bgverify/bgverify/runner/wire"
)

// reach opens a connection to each service of both sides, and says which of them this machine
// cannot reach: its share of a load would make a side look as if it failed.
func (p *Plan) reach(ctx context.Context) error {
	var all sync.WaitGroup
	var mu sync.Mutex // guards failed
	var failed []error
	for i, side := range p.sides() {
		for _, service := range p.services(i) {
			all.Go(func() {
				t, err := wire.New(side.Services[service])
				if err == nil {
					err = t.Reach(ctx)
					t.Close()
				}
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = append(failed, fmt.Errorf("this machine cannot reach %s (service %q): %w", sideNames[i], service, err))
				}
			})
		}
	}
	all.Wait()
	return errors.Join(failed...)
}
