package tap

import (
	"container/list"
	"slices"
	"strings"
)

// A Replacer replaces values in texts wherever they appear, at each place the longest of them.
// It is bounded: the values that were not used for longest are forgotten. Adding one costs the
// same however many there are (a strings.Replacer is made anew for each, and takes a kilobyte
// for a value). It is not safe for concurrent use.
type Replacer struct {
	limits ReplacerLimits
	by     map[string]*list.Element // of replaced, in latest
	latest *list.List               // the value that was used last comes first
	// lengths are those of the values that begin with the same bytes, longest first.
	lengths map[string][]lengthCount
	size    int
}

// ReplacerLimits bound a Replacer.
type ReplacerLimits struct {
	Shortest int // bytes of a value that is replaced; a shorter one is only known to Get
	Longest  int // bytes of a value; a longer one is not kept
	Values   int
	Bytes    int // of all values
}

type (
	replaced    struct{ value, by string }
	lengthCount struct{ length, values int }
)

// entrySize is about how many bytes a value costs in addition to its text.
const entrySize = 250

// NewReplacer makes a Replacer of no values.
func NewReplacer(limits ReplacerLimits) *Replacer {
	return &Replacer{limits: limits, by: map[string]*list.Element{}, latest: list.New(), lengths: map[string][]lengthCount{}}
}

// Set makes by take the place of a value. Where one of them is too long, nothing does from now on.
func (r *Replacer) Set(value, by string) {
	if e := r.by[value]; e != nil {
		r.forget(e)
	}
	if max(len(value), len(by)) > r.limits.Longest {
		return
	}
	value, by = strings.Clone(value), strings.Clone(by) // nothing of the text that they are from is kept
	r.by[value] = r.latest.PushFront(replaced{value, by})
	r.size += len(value) + len(by) + entrySize
	r.count(value, 1)
	for r.latest.Len() > r.limits.Values || r.size > r.limits.Bytes {
		r.forget(r.latest.Back())
	}
}

// forget takes a value out.
func (r *Replacer) forget(e *list.Element) {
	old, _ := r.latest.Remove(e).(replaced)
	delete(r.by, old.value)
	r.size -= len(old.value) + len(old.by) + entrySize
	r.count(old.value, -1)
}

// count adds values of one length to those with the same beginning.
func (r *Replacer) count(value string, n int) {
	if len(value) < r.limits.Shortest {
		return
	}
	head := value[:r.limits.Shortest]
	all := r.lengths[head]
	at, known := slices.BinarySearchFunc(all, len(value), func(c lengthCount, length int) int { return length - c.length })
	if !known {
		all = slices.Insert(all, at, lengthCount{length: len(value)})
	}
	if all[at].values += n; all[at].values == 0 {
		all = slices.Delete(all, at, at+1)
	}
	if r.lengths[head] = all; len(all) == 0 {
		delete(r.lengths, head)
	}
}

// Get is what takes the place of a value.
func (r *Replacer) Get(value string) (string, bool) {
	e := r.by[value]
	if e == nil {
		return "", false
	}
	r.latest.MoveToFront(e)
	found, _ := e.Value.(replaced)
	return found.by, true
}

// Size is about how many bytes of memory the values take.
func (r *Replacer) Size() int { return r.size }

// Replace is the text with the values replaced.
func (r *Replacer) Replace(text string) string {
	if len(r.lengths) == 0 {
		return text
	}
	var b strings.Builder
	from := 0
	for i := 0; i+r.limits.Shortest <= len(text); {
		length, by := r.at(text[i:])
		if length == 0 {
			i++
			continue
		}
		b.WriteString(text[from:i])
		b.WriteString(by)
		i += length
		from = i
	}
	if from == 0 {
		return text
	}
	b.WriteString(text[from:])
	return b.String()
}

// at finds the longest value that a text begins with; 0: none.
func (r *Replacer) at(text string) (length int, by string) {
	for _, c := range r.lengths[text[:r.limits.Shortest]] {
		if c.length > len(text) {
			continue
		}
		if by, ok := r.Get(text[:c.length]); ok {
			return c.length, by
		}
	}
	return 0, ""
}
