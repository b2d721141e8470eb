package verdict

import (
	"fmt"
	"strings"

	"github.com/bgverify/bgverify/internal/text"
	"github.com/bgverify/bgverify/runner/run"
)

// clusters claims and gates what is known of the clusters that the sides run on:
//
//  1. A part that the env file asks for and that was not looked at is broken.
//  2. green that is not ready, and clusters that are not alike, weigh as they were judged.
//  3. Services that no case asked make a pass inconclusive where the stage requires a
//     share of them, and are a warning elsewhere. Services that could not be read count as
//     none that were asked.
func (c *conclusion) clusters() {
	found := c.in.Clusters
	if c.in.Env == nil || c.in.Env.Clusters == nil {
		return
	}
	// A run that could not be set up, was stopped or lost its archive has a graver reason
	// already. Without one, the missing part must not look like a part that was not asked for.
	if found == nil {
		if c.in.Stop.Verdict == 0 && c.in.Failure == nil && len(c.in.Setup) == 0 {
			c.claim(run.Broken, "the env file names clusters, and they were not checked") // Rule 1
			c.gate(run.Broken, "clusters", "not looked at", "as the env file asks")
		}
		return
	}
	c.end.Clusters = found
	asked := c.in.Env.Clusters
	// Each part is judged only where the env file has its key, so that a cluster that was
	// looked at for one purpose does not decide about another.
	if asked.Ready != nil {
		c.ready(found.Ready)
	}
	if asked.Alike != nil {
		c.alike(found)
	}
	if asked.Services != nil {
		c.services(found.Services)
	}
}

// ready is rule 2 for green. A missing report is broken and not inconclusive: the env file asks
// for it, so the reason that it is missing is a fault of the run. The gate's measure counts the
// objects of each kind; the kinds without an object are missing from it.
func (c *conclusion) ready(r *run.Ready) {
	if r == nil {
		c.claim(run.Broken, "whether green is ready was not checked")
		c.gate(run.Broken, "green ready", "not looked at", "everything ready")
		return
	}
	var counts []string
	for _, k := range r.Kinds {
		// Of counts the objects that were found and Missing those that were declared and are
		// not there, so the whole is their sum.
		counts = append(counts, fmt.Sprintf("%d of %s", k.Ready, text.Count(k.Of+k.Missing, k.Name)))
	}
	measured := strings.Join(counts, ", ")
	if measured == "" {
		measured = "nothing found"
	}
	c.gate(r.Verdict, "green ready", measured, fmt.Sprintf("everything ready for %gs", r.SettleS))
	c.claimAll(r.Verdict, "green is not ready: ", r.Reasons)
}

// claimAll claims several reasons. Only the first says what they are about: those after it are
// read below it.
func (c *conclusion) claimAll(v run.Verdict, about string, reasons []string) {
	for _, reason := range reasons {
		c.claim(v, "%s%s", about, reason)
		about = ""
	}
}

// alike is rule 2 for both clusters. A run whose green was not ready compared nothing, and
// that is claimed already.
func (c *conclusion) alike(found *run.Clusters) {
	a := found.Alike
	if a == nil {
		if found.Ready != nil && found.Ready.Verdict != run.Pass {
			return
		}
		c.claim(run.Broken, "whether the clusters are alike was not checked")
		c.gate(run.Broken, "clusters alike", "not looked at", "no difference")
		return
	}
	measured := fmt.Sprintf("%s compared, %d differ, %d only on blue, %d only on green", text.Count(a.Objects, "object"),
		a.Differ, a.OnlyBlue, a.OnlyGreen)
	if n := len(a.Unread); n > 0 {
		measured += fmt.Sprintf(", %d could not be read", n)
	}
	// The verdict was settled where the objects were compared; it is not computed again from
	// these counts.
	c.gate(a.Verdict, "clusters alike", measured, "no difference")
	c.claimAll(a.Verdict, "the clusters are not alike: ", a.Reasons)
	// A version of an API that green has stopped serving is a warning: objects that nobody
	// applies again on green do not break it, but the next deployment would.
	for _, r := range a.Removed {
		c.warn("blue has %s written in %s %s, which green does not serve", text.Count(r.Objects, "object"), r.APIVersion, r.Kind)
	}
	for _, v := range a.Rules {
		// A built-in rule may find nothing to do in any cluster. A rule of the user's that
		// found nothing is probably misspelled.
		if v.Visits == 0 && !strings.HasPrefix(v.At, "built in") {
			c.warn("rule %s matched nothing in the clusters", v.At)
		}
	}
}

// services is rule 3. The share is that of services which at least one case sent a request to,
// from 0 to 1. A stage that requires no share gets a warning instead of a gate: how many
// services a suite asks is a choice there and says nothing about green.
func (c *conclusion) services(s *run.ServiceCoverage) {
	if s == nil {
		s = &run.ServiceCoverage{Problem: "not checked"}
		c.end.Clusters.Services = s
	}
	required := c.in.Env.Shares.Services
	// A list that could not be read gives a share of 0, never of 1: nothing is known of it.
	share := 0.0
	if s.Of > 0 && s.Problem == "" {
		share = float64(s.Asked) / float64(s.Of)
	}
	measured := fmt.Sprintf("%s (%d of %s)", text.Percent(share), s.Asked, text.Count(s.Of, "service"))
	if s.Problem != "" {
		measured = s.Problem
	}
	switch {
	case required > 0:
		v := run.Pass
		if s.Problem != "" || share < required {
			v = run.Inconclusive
			c.claim(v, "the stage requires that cases ask %s of the cluster's services: %s", text.Percent(required), measured)
		}
		c.gate(v, "services asked", measured, text.Percent(required))
	case s.Problem != "":
		c.warn("the services of green's cluster are not known: %s", s.Problem)
	case s.Asked < s.Of:
		c.warn("%d of %s of green's cluster were not asked by any case", s.Of-s.Asked, text.Count(s.Of, "service"))
	}
}
