package har

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/source"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// A harFlow follows values from answers into later requests.
//
// The rules:
//  1. A value is followed when it looks generated: text of 8 characters or more
//     without spaces that holds a digit or mixes cases, a whole number of 5
//     digits or more, or a whole address. Dates, times and plain words are not.
//  2. It comes from the first JSON answer that holds it, and only if no request
//     before sent it: what the client knew is not a capture.
//  3. In a request it counts where it is bounded: a whole word, segment, member
//     or parameter, never inside a longer run of letters and digits.
type harFlow struct {
	sources map[string]*harSource
	sent    map[string]bool // what requests have sent so far
	names   *naming.Namer   // of captures
	parents []int           // of requests, for grouping: see union
	needs   [][2]int        // a request, and the one whose answer it needs
}

// A harSource is where a value was first answered.
type harSource struct {
	request int
	path    string
	key     string
	name    string // of the capture; empty: not used yet
	number  bool
}

func newFlow() *harFlow {
	return &harFlow{sources: map[string]*harSource{}, sent: map[string]bool{}, names: naming.NewNamer("_")}
}

// runs are the kinds of words that a value may be, from the longest on.
var runs = []*regexp.Regexp{
	regexp.MustCompile(`[A-Za-z0-9._~+/=:-]+`),
	regexp.MustCompile(`[A-Za-z0-9._~+=-]+`),
	regexp.MustCompile(`[A-Za-z0-9_-]+`),
}

// What drawn goes by.
var (
	drawnText   = lazy.Regexp(`^[A-Za-z0-9._~+/=:-]+$`)
	drawnNumber = lazy.Regexp(`^[1-9][0-9]{4,18}$`)
	timeText    = lazy.Regexp(`^\d{4}-\d\d-\d\d|^\d\d:\d\d`)
	plainWord   = lazy.Regexp(`^[a-z._/:-]+$|^[A-Z._/:-]+$|^[A-Z]?[a-z]+([A-Z][a-z]+)*$|^v?[0-9]+(\.[0-9]+)*$`)
	wholeURL    = lazy.Regexp(`^https?://[^\s\\"<>{}|^\x60]+$`)
)

// drawn is rule 1.
func drawn(text string) bool {
	if len(text) < 8 || len(text) > 4096 {
		return false
	}
	return wholeURL().MatchString(text) || drawnText().MatchString(text) && !timeText().MatchString(text) && !plainWord().MatchString(text) &&
		!strings.Contains(text, "://") || drawnNumber().MatchString(text)
}

// answer remembers the values of an answer.
func (f *harFlow) answer(request int, v *source.Value, path, key string) {
	switch v.Kind {
	case 'o':
		for i, item := range v.Items {
			if k := v.Keys[i]; len(k) <= 200 && !slices.Contains(v.Keys[i+1:], k) {
				f.answer(request, item, path+source.PathMember(k), k)
			}
		}
	case 'a':
		for i, item := range v.Items {
			f.answer(request, item, fmt.Sprintf("%s[%d]", path, i), key)
		}
	case 's', 'n':
		ok := drawn(v.Text)
		if v.Kind == 'n' {
			ok = drawnNumber().MatchString(v.Text)
		}
		if ok && f.sources[v.Text] == nil && !f.sent[v.Text] { // Rule 2
			f.sources[v.Text] = &harSource{request: request, path: path, key: key, number: v.Kind == 'n'}
		}
	}
}

// send remembers what a request sends.
func (f *harFlow) send(texts ...string) {
	for _, text := range texts {
		if len(text) > 4<<20 {
			continue
		}
		f.sent[text] = true
		for _, re := range runs {
			for _, word := range re.FindAllString(text, -1) {
				f.sent[word] = true
			}
		}
	}
}

// lift replaces the values of earlier answers in a text by marks. use is called
// for each and returns the name of its capture.
func (f *harFlow) lift(text string, use func(*harSource) string) string {
	if len(f.sources) == 0 || web.HasMark(text) {
		return text
	}
	if s := f.sources[text]; s != nil {
		return web.Marked(use(s))
	}
	return f.liftRuns(text, 0, use)
}

func (f *harFlow) liftRuns(text string, kind int, use func(*harSource) string) string {
	if kind == len(runs) {
		return text
	}
	return runs[kind].ReplaceAllStringFunc(text, func(word string) string {
		if s := f.sources[word]; s != nil {
			return web.Marked(use(s))
		}
		return f.liftRuns(word, kind+1, use)
	})
}

// captureName names a capture by the member it comes from.
func (f *harFlow) captureName(s *harSource) string {
	name := s.key
	if generic := strings.ToLower(name); name == "" || slices.Contains([]string{
		"id", "value", "data", "key", "code", "name", "url",
		"result", "no",
	}, generic) {
		members := memberNames().FindAllStringSubmatch(s.path, -1)
		if n := len(members); n >= 2 {
			name = strings.Join([]string{members[n-2][1], name}, "_")
		}
	}
	return f.names.Take(naming.VarName(cmp.Or(name, "value")))
}

var memberNames = lazy.Regexp(`\.([^.\[\]]+)`)

// add makes room for one more request.
func (f *harFlow) add() int {
	f.parents = append(f.parents, len(f.parents))
	return len(f.parents) - 1
}

// root is the first request of those that depend on each other.
func (f *harFlow) root(i int) int {
	for f.parents[i] != i {
		i = f.parents[i]
	}
	return i
}

// union joins two requests into one case.
func (f *harFlow) union(a, b int) {
	f.needs = append(f.needs, [2]int{a, b})
	a, b = f.root(a), f.root(b)
	f.parents[max(a, b)] = min(a, b)
}
