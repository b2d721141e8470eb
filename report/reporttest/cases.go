package reporttest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// An edit is what makes a made case differ.
type edit struct {
	difference  diff.Difference
	blue, green string // texts of the body it exchanges
}

var ruleAt = []string{"scenarios/stb.yaml:12:5", "scenarios/stb.yaml:14:5", "scenarios/stb.yaml:17:5"}

var edits = []edit{
	{
		diff.Difference{
			Kind: diff.TypeChanged, Severity: diff.Type, Where: diff.InBody, Path: "$.balance", BluePointer: "/balance",
			GreenPointer: "/balance", Blue: number("387.5"), Green: text("387.50"),
		},
		`"balance":387.5`, `"balance":"387.50"`,
	},
	{
		diff.Difference{Kind: diff.Changed, Severity: diff.StatusClass, Where: diff.InStatus, Blue: number("200"), Green: number("500")},
		"", "",
	},
	{
		diff.Difference{
			Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: "$.items[?@.id=='it-2'].poster",
			BluePointer: "/items/1/poster", GreenPointer: "/items/1/poster",
			Blue: text("https://blue.example.com/posters/한글-포스터-2.jpg?w=640"), Green: text("https://green.example.com/posters/한글-포스터-2.jpg?w=640"),
		},
		"https://blue.example.com/posters/한글-포스터-2.jpg", "https://green.example.com/posters/한글-포스터-2.jpg",
	},
	{
		diff.Difference{
			Kind: diff.Removed, Severity: diff.RemovedMember, Where: diff.InBody, Path: "$.address.zip", BluePointer: "/address/zip",
			Blue: text("01234"),
		},
		`,"zip":"01234"`, "",
	},
	{
		diff.Difference{
			Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InHeader, Path: "cache-control", Blue: text("max-age=60"),
			Green: text("no-store"),
		},
		"", "",
	},
}

func number(s string) diff.Excerpt {
	return diff.Excerpt{Type: diff.NumberType, JSON: s, Size: len(s)}
}

func text(s string) diff.Excerpt {
	return diff.Excerpt{Type: diff.StringType, JSON: quote(s), Size: len(quote(s))}
}

// quote writes s as a JSON string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// A shape is what a made case is, generated from its stream.
type shape struct {
	verdict run.Verdict
	flaky   bool
	method  string
	blueMS  float64
	greenMS float64
}

func (m *maker) shape(i int) shape {
	r := m.random(i)
	s := shape{verdict: run.Pass, method: "GET"}
	if i%7 == 3 {
		s.method = "POST"
	}
	s.blueMS = round(2 + 18*r.ExpFloat64())
	s.greenMS = round(s.blueMS * (0.7 + 0.6*r.Float64()))
	// A differing case is generated from its place, so that the share is exact.
	differs := int(float64(i+1)*m.Differ) > int(float64(i)*m.Differ)
	if m.Sick > 0 {
		each := max(m.Suites/m.Sick, 1)
		differs = m.suiteOf(i)%each == each-1 && i%4 == 1
	}
	if differs {
		s.verdict = run.Fail
		return s
	}
	if m.Odd {
		switch i % 1000 {
		case 501:
			s.verdict = run.Broken
		case 502:
			s.verdict = run.Inconclusive
		case 503:
			s.verdict = run.Skip
		case 504:
			s.flaky = true
		}
	}
	return s
}

func round(f float64) float64 { return float64(int(f*1000)) / 1000 }

// editOf says which edit made case i differ; a service has mostly one.
func (m *maker) editOf(i int) int {
	if m.Suites > 1 {
		return m.suiteOf(i) % len(edits)
	}
	return int(m.random(i).Uint64() % uint64(len(edits)))
}

func (m *maker) id(i int) string {
	return fmt.Sprintf("%s/%s-%05d", m.service(m.suiteOf(i)).name, m.text(i, 0, "case"), i)
}

func (m *maker) makeCase(i int) *run.CaseResult {
	sh := m.shape(i)
	svc := m.service(m.suiteOf(i))
	at := fmt.Sprintf("scenarios/%s.yaml:%d:3", svc.name, 10+i%900)
	c := &run.CaseResult{
		Suite: m.suiteOf(i), Index: i, ID: m.id(i), Name: m.text(i, 1, svc.korean+" "+fmt.Sprint(i)), Tags: []string{"smoke"}, At: at,
		Verdict: sh.verdict, Flaky: sh.flaky, ElapsedMS: sh.blueMS + sh.greenMS, Requests: run.PerSide{Blue: 1, Green: 1},
		Coverage: run.Coverage{Mutants: 16, Killed: 15, Leaves: 18, Compared: 16, Ignored: 2},
		Rules:    []run.RuleVisits{{At: ruleAt[0], Visits: 1, Hits: 1}, {At: ruleAt[1], Visits: 1}, {At: ruleAt[2]}},
		Steps:    []run.StepResult{m.step(i, sh, at)},
	}
	if i%50 == 7 && sh.verdict == run.Pass {
		c.Steps = append(c.Steps, m.step(i, sh, at))
		c.Steps[1].Name, c.Steps[1].Exchange = "again", c.ID+"#again"
	}
	switch sh.verdict {
	case run.Broken:
		c.Reasons = []string{"green: refused: connect: connection refused"}
		c.Steps[0].Green.Status, c.Steps[0].Green.Err = 0, &wire.Err{Class: wire.ClassRefused, Detail: "connect: connection refused"}
	case run.Inconclusive:
		c.Reasons = []string{"no leaf of the body is compared by value"}
	case run.Skip:
		c.Reasons = []string{"needs a device that this stage does not have"}
		c.Steps, c.Requests, c.ElapsedMS = nil, run.PerSide{}, 0
	}
	return c
}

func (m *maker) step(i int, sh shape, at string) run.StepResult {
	svc := m.service(m.suiteOf(i))
	path := svc.path + fmt.Sprint(i) + m.text(i, 2, "")
	side := func(base string, status int, ms float64) *run.SideResult {
		return &run.SideResult{
			Status: status, ElapsedMS: ms, Bytes: 412, TraceID: fmt.Sprintf("4bf92f3577b34da6a3ce929d%08x", i),
			Method: sh.method, URL: base + path, Attempts: 1, Protocol: "HTTP/1.1", Remote: strings.TrimPrefix(base, "http://"),
		}
	}
	s := run.StepResult{
		Name: "get", At: at, Verdict: sh.verdict, Exchange: m.id(i) + "#get",
		Blue: side("http://10.0.1.7:8080", 200, sh.blueMS), Green: side("http://10.0.2.7:8080", 200, sh.greenMS),
		Expectations: []run.Expectation{
			{Side: "blue", What: "status 200", OK: true, Got: "200"},
			{Side: "green", What: "status 200", OK: true, Got: "200"},
		},
		Ignored: []diff.Difference{ignoredID(i)}, IgnoredTotal: 1,
		Coverage: run.Coverage{Mutants: 16, Killed: 15, Leaves: 18, Compared: 16, Ignored: 2},
	}
	if sh.verdict != run.Fail {
		return s
	}
	e := edits[m.editOf(i)]
	d := e.difference
	if d.Where == diff.InStatus {
		s.Green.Status = 500
		s.Expectations[1].OK, s.Expectations[1].Got = false, "500"
	}
	if d.Where == diff.InHeader {
		d.Green = text(m.text(i, 3, "no-store"))
	}
	s.Differences = []diff.Difference{d}
	if d.Where == diff.InBody {
		for k := range m.Wide {
			at := fmt.Sprintf("/stock/%d", k)
			s.Differences = append(s.Differences, diff.Difference{
				Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: fmt.Sprintf("$.stock[%d]", k), BluePointer: at,
				GreenPointer: at,
				Blue:         number(strconv.Itoa(k)), Green: number(strconv.Itoa(k + 1000)),
			})
		}
	}
	s.DifferencesTotal = len(s.Differences)
	s.Reasons = []string{fmt.Sprintf("%d differences", s.DifferencesTotal)}
	if s.DifferencesTotal == 1 {
		s.Reasons = []string{"1 difference"}
	}
	return s
}

// stock is the list of a wide body, counted from a number.
func (m *maker) stock(from int) string {
	list := make([]string, m.Wide)
	for k := range list {
		list[k] = strconv.Itoa(from + k)
	}
	return `"stock":[` + strings.Join(list, ",") + `],`
}

func ignoredID(i int) diff.Difference {
	return diff.Difference{
		Kind: diff.Changed, Severity: diff.OtherValue, Where: diff.InBody, Path: "$.requestId", BluePointer: "/requestId",
		GreenPointer: "/requestId",
		Blue:         text(requestID("b", i)), Green: text(requestID("g", i)), Rule: ruleAt[0],
	}
}

func requestID(side string, i int) string { return fmt.Sprintf("%s-%08x", side, uint32(i)*2654435761) }

// pair makes the exchanges of a step, as the archive would read them back.
func (m *maker) pair(key string) (*run.Pair, error) {
	i, ok := indexOf(key)
	if !ok || i >= m.Cases {
		return nil, fmt.Errorf("no exchange %q", key)
	}
	sh := m.shape(i)
	if sh.verdict == run.Skip {
		return nil, fmt.Errorf("no exchange %q", key)
	}
	s := m.step(i, sh, "")
	p := &run.Pair{Key: key, Blue: m.exchange(i, s.Blue, requestID("b", i)), Green: m.exchange(i, s.Green, requestID("g", i))}
	if sh.verdict != run.Fail {
		return p, nil
	}
	e := edits[m.editOf(i)]
	switch e.difference.Where {
	case diff.InStatus:
		p.Green.Answer = []byte(`{"error":{"code":"INTERNAL","message":"` + strings.Trim(quote(m.text(i, 4, "unexpected state")), `"`) + `"}}`)
	case diff.InHeader:
		p.Green.Headers[1].Value = m.text(i, 3, "no-store")
	default:
		text := strings.Replace(string(p.Green.Answer), e.blue, e.green, 1)
		p.Green.Answer = []byte(strings.Replace(text, m.stock(0), m.stock(1000), 1))
	}
	return p, nil
}

func (m *maker) exchange(i int, s *run.SideResult, request string) *wire.Exchange {
	r := rand.New(rand.NewPCG(m.Seed, uint64(i)))
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":%d,"name":%s,"email":"u%d@example.test","balance":387.5,"big":9223372036854775809,"requestId":%q,`, i,
		quote(m.text(i, 5, "홍길동")), i, request)
	fmt.Fprintf(&b, `"address":{"city":"서울","street":"세종대로 %d","zip":"01234"},"tags":["a","b","c"],"items":[`, 1+r.IntN(300))
	for k := 1; k <= 3; k++ {
		if k > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"it-%d","title":"작품 %d","price":%d,"poster":"https://blue.example.com/posters/한글-포스터-%d.jpg?w=640"}`, k,
			r.IntN(9999), 1000*k, k)
	}
	b.WriteString(`]}`)
	if m.Wide > 0 {
		wide := "{" + m.stock(0) + b.String()[1:]
		b.Reset()
		b.WriteString(wide)
	}
	x := &wire.Exchange{
		Method: s.Method, URL: s.URL, Started: Started.Add(time.Duration(i) * time.Millisecond),
		Timing: wire.Timing{Total: time.Duration(s.ElapsedMS * 1e6)},
		Sent: []wire.Field{
			{Name: "Host", Value: s.Remote},
			{Name: "Accept", Value: "application/json"},
			{Name: "Authorization", Value: "Bearer <secret:token#3f2a>"},
		},
		Status: s.Status, Proto: s.Protocol, Answer: []byte(b.String()), WireBytes: int64(b.Len()), Err: s.Err, Attempts: 1,
		Headers: []wire.Field{
			{Name: "Content-Type", Value: "application/json; charset=utf-8"},
			{Name: "Cache-Control", Value: "max-age=60"},
			{Name: "X-Request-Id", Value: request},
		},
	}
	if s.Method == "POST" {
		x.Body = []byte(`{"device":"stb-0042","memo":"it's 100 %"}`)
		x.Sent = append(x.Sent, wire.Field{Name: "Content-Type", Value: "application/json"})
	}
	if addr, err := netip.ParseAddrPort(s.Remote); err == nil {
		x.Remote = addr
	}
	if s.Err != nil {
		x.Status, x.Answer, x.Headers = 0, nil, nil
	}
	return x
}
