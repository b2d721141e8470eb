package run

import "time"

// A Shard is one of the runs that a merged run was made of.
type Shard struct {
	// Number is the i of --shard i/n, from 1.
	Number int    `json:"number"`
	ID     string `json:"id"`
	// Digest is that of the shard's manifest, as the shard printed it.
	Digest  string  `json:"digest"`
	Verdict Verdict `json:"verdict"`
	// Host is the machine that sent the shard's requests.
	Host string `json:"host,omitempty"`
	// Started and Ended are the times at which the shard's first case could begin and its
	// verdict was made. A gate measures the age of a merged run by its oldest shard.
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	// Apart is set where green showed no identity in this shard that it also showed in one before
	// it: green may have been another build then.
	Apart bool `json:"apart,omitempty"`
}
