package curl

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bgverify/bgverify/scenarios/convert/internal/naming"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

type dataKind uint8

const (
	dataText      dataKind = iota + 1 // -d: @file without line ends
	dataRaw                           // @ is not a file
	dataBinary                        // @file as it is
	dataURLEncode                     // name=content, encoded
	dataJSON                          // joined without &
)

type curlData struct {
	kind dataKind
	word shWord
}

type curlPart struct {
	word    shWord
	literal bool // --form-string
}

// A curlRequest is what a curl command says up to --next: for each of its
// addresses one request.
type curlRequest struct {
	method         string
	urls           []shWord
	headers        []shWord
	data, query    []curlData
	parts          []curlPart
	upload         *shWord
	user, bearer   *shWord
	schemes        []string // of authentication, other than basic
	sigv4          *shWord  // of --aws-sigv4
	cookies        []shWord
	agent, referer *shWord
	maxTime        *shWord
	ca, http       string
	on             map[string]bool // switches by the name of their option
	// lost are options that say nothing a scenario file could hold.
	lost []curlLost
	// quiet are options about curl's own output.
	quiet []string
	// refused says why curl would not run the command.
	refused string
	// unknown is what only a running shell could tell.
	unknown []shWord
}

type curlLost struct {
	line      int
	text, why string
}

// curlArgs reads the arguments after curl, by curl's rules: joined short
// options (-sSL, -XPOST), values in the next word, options and addresses in any
// order, -- as the end of options, --next.
func curlArgs(words []shWord) []*curlRequest {
	p := &curlParser{words: words, req: newRequest()}
	for p.at < len(p.words) {
		p.word()
	}
	p.end()
	return p.out
}

type curlParser struct {
	words   []shWord
	at      int
	literal bool // after --
	req     *curlRequest
	out     []*curlRequest
}

// end finishes a request at --next. curl takes a command without an address for
// a mistake; so does the import.
func (p *curlParser) end() {
	p.out = append(p.out, p.req)
	p.req = newRequest()
}

func newRequest() *curlRequest { return &curlRequest{on: map[string]bool{}} }

func (p *curlParser) word() {
	w := p.words[p.at]
	p.at++
	if len(w.unknown) > 0 {
		p.req.unknown = append(p.req.unknown, w)
	}
	switch text := w.text; {
	case p.literal || len(text) < 2 || text[0] != '-':
		p.req.urls = append(p.req.urls, w)
	case text == "--":
		p.literal = true
	case text == "--next" || text == "-:":
		p.end()
	case strings.HasPrefix(text, "--"):
		p.long(w, text[2:])
	default:
		p.short(w)
	}
}

func (p *curlParser) long(w shWord, name string) {
	o, off := findCurl(name)
	if o == nil {
		p.unknown(w, name)
		return
	}
	switch {
	case off:
		p.off(o, w)
	case o.arg:
		p.apply(o, w.text, p.value(w))
	default:
		p.apply(o, w.text, shWord{line: w.line})
	}
}

// unknown keeps an option that curl does not have. A word after it that is no
// address is its value: better than a request to a host of that name.
func (p *curlParser) unknown(w shWord, name string) {
	head, _, ok := strings.Cut(name, "=")
	if known, _ := findCurl(head); ok && known != nil {
		p.lose(w.line, w.text, "curl takes the value in the next word: --"+head+" VALUE")
		if known.apply != nil {
			p.req.refused = "curl refuses " + naming.OneLine(web.Readable(w.text), 40)
		}
		return
	}
	text := w.text
	if p.at < len(p.words) && !strings.Contains(name, "=") {
		if next := p.words[p.at].text; next != "" && next[0] != '-' && !strings.ContainsAny(next, "/.:"+web.Mark) && next != "localhost" {
			text += " " + next
			p.at++
		}
	}
	p.req.lost = append(p.req.lost, curlLost{w.line, text, "curl has no such option"})
}

// off takes a switch back.
func (p *curlParser) off(o *curlOption, w shWord) {
	if !o.isSwitch {
		p.req.quiet = append(p.req.quiet, w.text)
	}
	delete(p.req.on, o.name)
	p.req.schemes = slices.DeleteFunc(p.req.schemes, func(s string) bool { return s == "--"+o.name })
}

// lose keeps an option that has no place in a scenario file.
func (p *curlParser) lose(line int, text, why string) {
	p.req.lost = append(p.req.lost, curlLost{line, text, why})
}

// value is the next word.
func (p *curlParser) value(w shWord) shWord {
	if p.at >= len(p.words) {
		p.lose(w.line, w.text, "its value is missing")
		return shWord{line: w.line}
	}
	v := p.words[p.at]
	p.at++
	if len(v.unknown) > 0 {
		p.req.unknown = append(p.req.unknown, v)
	}
	return v
}

// short reads -sSL and -XPOST.
func (p *curlParser) short(w shWord) {
	for i := 1; i < len(w.text); i++ {
		c := w.text[i]
		if c == ':' {
			p.end()
			continue
		}
		o := shortCurl(c)
		if o == nil {
			r, _ := utf8.DecodeRuneInString(w.text[i:])
			p.lose(w.line, "-"+string(r), "curl has no such option")
			return
		}
		if !o.arg {
			p.apply(o, "-"+string(c), shWord{line: w.line})
			continue
		}
		value := shWord{text: w.text[i+1:], line: w.line}
		if value.text == "" {
			value = p.value(w)
		}
		p.apply(o, "-"+string(c), value)
		return
	}
}

// apply takes an option; one that has no place is kept with its text.
func (p *curlParser) apply(o *curlOption, written string, value shWord) {
	text := written
	if o.arg {
		text += " " + shown(o, value.text)
	}
	switch {
	case o.apply != nil:
		o.apply(p.req, value)
	case o.why != "":
		p.lose(value.line, text, o.why)
	default:
		p.req.quiet = append(p.req.quiet, written)
	}
}

// shown is an option's value as it may be printed and written next to a case: what
// can hold a secret is cut.
func shown(o *curlOption, value string) string {
	if slices.Contains([]string{"pass", "proxy-user", "proxy-pass", "tlspassword", "proxy-tlspassword", "proxy-header", "login-options"},
		o.name) {
		return "…"
	}
	if at := strings.LastIndexByte(value, '@'); at >= 0 && o.why == whyProxy {
		return "…" + value[at:]
	}
	if o.name == "cert" || o.name == "proxy-cert" {
		if file, _, has := strings.Cut(value, ":"); has {
			return file + ":…"
		}
	}
	return value
}
