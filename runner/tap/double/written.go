package double

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/runner/tap"
)

// What is remembered of writes: collections of one client, clients, and bytes of a path. Where
// a client wrote in more places it counts as one that wrote everywhere, and where more clients
// wrote so does each further one: what they read is then not compared.
const (
	maxWritten = 50
	maxWriters = 5000
	maxPath    = 300
)

// writes are the collections that clients have written to on the answering side alone. Sides
// that share no state differ there from then on, for that client.
type writes struct {
	of   map[string][]string
	many bool // more clients wrote than are remembered
}

// noteWrite remembers where a client wrote.
func (t *Tap) noteWrite(x *tap.Exchange) {
	if !t.separate || !unsafe(x.Request.Method) || x.Answer.Status >= 400 {
		return
	}
	place := x.Service.Name + " " + collection(x.Request.URL.Path)
	t.mu.Lock()
	defer t.mu.Unlock()
	of, known := t.written.of[x.Client]
	switch {
	case slices.Contains(of, place):
	case !known && len(t.written.of) >= maxWriters:
		t.written.many = true
	case len(of) >= maxWritten || len(place) > maxPath:
		t.written.of[x.Client] = []string{everywhere}
	default:
		t.written.of[x.Client] = append(of, strings.Clone(place))
	}
}

// everywhere is the place of a client that wrote in too many. No service has that name.
const everywhere = "*"

// wrote reports whether a client reads what it wrote.
func (t *Tap) wrote(x *tap.Exchange) bool {
	place := x.Service.Name + " " + x.Request.URL.Path
	t.mu.Lock()
	defer t.mu.Unlock()
	of, known := t.written.of[x.Client]
	if !known {
		return t.written.many
	}
	return slices.ContainsFunc(of, func(w string) bool { return w == everywhere || place == w || strings.HasPrefix(place, w+"/") })
}
