package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// bare is the loop that everything is measured against: net/http with one
// transport, the answers read and thrown away, nothing compared, nothing kept.
//
//   - green empty: count requests to blue, one after the other;
//   - atOnce 1: count pairs, blue then green, one after the other;
//   - else: atOnce pairs at a time, both requests of a pair at once, as a run does.
func bare(blue, green string, count, atOnce int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	get := func(side string, i int) error {
		resp, err := client.Get(fmt.Sprintf("%s/v1/items/%d", side, i))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return errors.Join(err, resp.Body.Close())
	}
	if green == "" || atOnce == 1 {
		for i := range count {
			err := get(blue, i)
			if err == nil && green != "" {
				err = get(green, i)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, 2*count)
	gate := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i := range count {
		gate <- struct{}{}
		all.Go(func() {
			var one sync.WaitGroup
			one.Go(func() { errs[2*i] = get(blue, i) })
			errs[2*i+1] = get(green, i)
			one.Wait()
			<-gate
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
