package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// A corpus is a body in eight variants, generated from a seed.
type corpus struct {
	name, what string
	blue       []byte
	variants   []variant
}

// A variant is green's body and the number of differences that made it.
type variant struct {
	name  string
	green []byte
	truth int
	rule  bool // compared under a rule that ignores $..updatedAt
}

// An item is an element of a corpus' list: its members in order.
type item []member

type member struct {
	name string
	text string // JSON
	list []item // instead of text
}

func (it item) write(b *bytes.Buffer, indent string) {
	b.WriteByte('{')
	for i, m := range it {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(indent)
		b.WriteString(strconv.Quote(m.name))
		b.WriteByte(':')
		if indent != "" {
			b.WriteByte(' ')
		}
		if m.list != nil {
			writeList(b, m.list, indent)
			continue
		}
		b.WriteString(m.text)
	}
	b.WriteByte('}')
}

func writeList(b *bytes.Buffer, list []item, indent string) {
	b.WriteByte('[')
	for i, it := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(indent)
		it.write(b, indent)
	}
	b.WriteByte(']')
}

func body(list []item, indent string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"code":0,"region":"seoul","items":`)
	writeList(&b, list, indent)
	b.WriteString(`,"next":null}`)
	return b.Bytes()
}

var words = []string{"뉴스", "드라마", "스포츠", "영화", "아침", "저녁", "특집", "다큐멘터리", "music", "kids", "live", "replay"}

func title(r *rand.Rand) string {
	return fmt.Sprintf("%s %s %d", words[r.IntN(len(words))], words[r.IntN(len(words))], r.IntN(1000))
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func programme(r *rand.Rand, id string, start int) item {
	return item{
		{name: "id", text: quoted(id)},
		{name: "title", text: quoted(title(r))},
		{name: "start", text: strconv.Itoa(1_790_000_000 + start*1800)},
		{name: "duration", text: strconv.Itoa(600 * (1 + r.IntN(12)))},
		{name: "rating", text: fmt.Sprintf("%.1f", r.Float64()*10)},
		{name: "free", text: strconv.FormatBool(r.IntN(2) == 0)},
		{name: "poster", text: quoted(fmt.Sprintf("https://cdn.example/p/%s.jpg", id))},
		{name: "genres", text: fmt.Sprintf("[%q,%q]", words[r.IntN(4)], words[4+r.IntN(4)])},
		{name: "updatedAt", text: quoted(fmt.Sprintf("2026-11-23T%02d:%02d:%02dZ", r.IntN(24), r.IntN(60), r.IntN(60)))},
	}
}

// makeA is a 2 KB answer: nine programmes.
func makeA(r *rand.Rand) []item {
	var list []item
	for i := range 9 {
		list = append(list, programme(r, fmt.Sprintf("PG%04d", i), i))
	}
	return list
}

// makeB is an EPG: 64 channels of 13 programmes, 195 KB.
func makeB(r *rand.Rand) []item {
	var list []item
	for c := range 64 {
		var shows []item
		for p := range 13 {
			shows = append(shows, programme(r, fmt.Sprintf("CH%03d-%02d", c, p), p))
		}
		list = append(list, item{
			{name: "id", text: quoted(fmt.Sprintf("CH%03d", c))},
			{name: "name", text: quoted(title(r))},
			{name: "number", text: strconv.Itoa(c + 1)},
			{name: "hd", text: "true"},
			{name: "programmes", list: shows},
		})
	}
	return list
}

// makeC is a catalogue: 20,000 objects, 10 MB.
func makeC(r *rand.Rand) []item {
	var list []item
	for i := range 20_000 {
		p := programme(r, fmt.Sprintf("VOD-%06d", i), i)
		p = append(p,
			member{name: "synopsis", text: quoted(title(r) + ", " + title(r) + ", " + title(r) + ", " + title(r) + ": " + title(r) + ", " + title(r) + ", " + title(r) + ", " + title(r))},
			member{name: "price", text: strconv.Itoa(100 * r.IntN(200))},
			member{name: "tags", text: fmt.Sprintf(`["%x","%x"]`, r.Uint32(), r.Uint32())},
			member{name: "director", text: "null"})
		list = append(list, p)
	}
	return list
}

func clone(list []item) []item {
	out := make([]item, len(list))
	for i, it := range list {
		out[i] = slices.Clone(it)
		for j := range out[i] {
			if out[i][j].list != nil {
				out[i][j].list = clone(out[i][j].list)
			}
		}
	}
	return out
}

// leaves are the scalar members that an edit may change.
func leaves(list []item, out []*member) []*member {
	for _, it := range list {
		for j := range it {
			switch m := &it[j]; {
			case m.list != nil:
				out = leaves(m.list, out)
			case m.name == "rating" || m.name == "duration" || m.name == "title" || m.name == "price":
				out = append(out, m)
			}
		}
	}
	return out
}

// edit changes n leaves to values that they did not have.
func edit(r *rand.Rand, list []item, n int) []item {
	list = clone(list)
	all := leaves(list, nil)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, m := range all[:n] {
		if m.text[0] == '"' {
			m.text = m.text[:len(m.text)-1] + `!"`
		} else {
			m.text = "7" + m.text
		}
	}
	return list
}

func noise(r *rand.Rand, list []item) []item {
	list = clone(list)
	var walk func([]item)
	walk = func(l []item) {
		for _, it := range l {
			for j := range it {
				if it[j].name == "updatedAt" {
					it[j].text = quoted(fmt.Sprintf("2026-11-24T%02d:%02d:%02dZ", r.IntN(24), r.IntN(60), r.IntN(60)))
				}
				walk(it[j].list)
			}
		}
	}
	walk(list)
	return list
}

func makeCorpus(name, what string, list []item, r *rand.Rand) corpus {
	c := corpus{name: name, what: what, blue: body(list, "")}
	n := len(leaves(list, nil))
	add := func(name string, green []byte, truth int, rule bool) {
		c.variants = append(c.variants, variant{name, green, truth, rule})
	}
	add("identical", slices.Clone(c.blue), 0, false)
	add("re-formatted", body(list, "\n  "), 0, false)
	add("1 leaf", body(edit(r, list, 1), ""), 1, false)
	one := max(1, n/100)
	add("1 % of leaves", body(edit(r, list, one), ""), one, false)
	ten := max(1, n/10)
	add("10 % of leaves", body(edit(r, list, ten), ""), ten, false)
	inserted := slices.Insert(clone(list), 0, programme(r, "NEW", 0))
	add("1 inserted first", body(inserted, ""), 1, false)
	shuffled := clone(list)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	add("shuffled", body(shuffled, ""), 1, false)
	add("ignored noise", body(noise(r, list), ""), 0, true)
	return c
}

func corpora(seed uint64) []corpus {
	r := rand.New(rand.NewPCG(seed, 9535))
	return []corpus{
		makeCorpus("a", "API answer, nine objects", makeA(r), r),
		makeCorpus("b", "EPG, 64 channels of 13 programmes", makeB(r), r),
		makeCorpus("c", "catalogue, 20,000 objects", makeC(r), r),
	}
}
