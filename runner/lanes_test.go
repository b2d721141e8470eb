package runner

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bgverify/bgverify/runner/run"
)

// store is a pair of clusters that share their data or do not.
func TestCrossoverCarriesSessions(t *testing.T) {
	answer := func(foreign bool) func(d *double, w http.ResponseWriter, r *seen) {
		return func(d *double, w http.ResponseWriter, r *seen) {
			own := strings.HasPrefix(r.cookies["sid"], d.name) && strings.HasPrefix(r.header.Get("Authorization"), "Bearer "+d.name)
			known := r.cookies["sid"] != "" && r.header.Get("Authorization") != ""
			switch {
			case r.path == "/in":
				http.SetCookie(w, &http.Cookie{Name: "sid", Value: d.name, Path: "/"})
				ok(w, `{"token":"%s"}`, d.name)
			case own, known && !foreign:
				ok(w, `{"v":1}`)
			default:
				w.WriteHeader(401)
				ok(w, `{"v":0}`)
			}
		}
	}
	suite := `
suite: s
rules:
  - {at: $.token, do: ignore, why: test}
  - {header: set-cookie, do: ignore, why: test}
setup: [{step: in, post: /in, side_effects: isolated, capture: {token: $.token}, expect: {body: {$.token: {type: string}}}}]
cases:
  - case: box
    crossover: true
    steps:
      - {step: home, get: /home, auth: {bearer: "{{token}}"}}
      - {step: play, get: /play, auth: {bearer: "{{token}}"}}
  - {case: plain, get: /x, auth: {bearer: "{{token}}"}}
`
	blue, green := doubles(answer(false))
	r := newRig(t, blue, green).file("s.yaml", suite)
	end := r.run()
	want(t, end, run.Pass)
	if b, g := len(blue.seen), len(green.seen); b != g {
		t.Errorf("%d and %d requests, want as many on both sides", b, g)
	}
	lanes := map[string]string{}
	for _, s := range r.sink.find(t, "s/box").Steps {
		side := ""
		if len(s.Notes) > 0 {
			side = s.Notes[len(s.Notes)-1]
		}
		lanes[s.Lane+"/"+s.Name] = side
	}
	for lane, side := range map[string]string{"B-G-B-G/home": "green", "B-G-B-G/play": "blue", "G-B-G-B/home": "blue", "G-B-G-B/play": "green"} {
		if !strings.Contains(lanes[lane], "asked on "+side) {
			t.Errorf("%s: %q, want it asked on %s", lane, lanes[lane], side)
		}
	}
	blue, green = doubles(answer(false))
	green.answer = answer(true)
	r = newRig(t, blue, green).file("s.yaml", suite)
	want(t, r.run(), run.Fail, "crossover B-G-B-G: green: expected status 2xx, got 401 (s/box)")
	if c := r.sink.find(t, "s/plain"); c.Verdict != run.Pass {
		t.Errorf("the straight case is %s", c.Verdict)
	}
}

func TestCrossoverMovesAbsoluteURLs(t *testing.T) {
	var blueURL, greenURL string
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		if r.path == "/link" {
			own := blueURL
			if d.name == "green" {
				own = greenURL
			}
			ok(w, `{"url":"%s/media?x=1"}`, own)
			return
		}
		ok(w, `{"v":1}`)
	})
	r := newRig(t, blue, green)
	blueURL, greenURL = r.blue.URL, r.green.URL
	host := func(u string) string { return strings.TrimPrefix(u, "http://") }
	r.file("s.yaml", fmt.Sprintf(`
suite: s
rules: [{at: $.url, do: rewrite, blue: "%s", green: "%s", as: HOST}]
cases:
  - case: box
    crossover: true
    steps:
      - {step: link, get: /link, capture: {url: $.url}}
      - {step: media, get: "{{url}}"}
`, host(blueURL), host(greenURL)))
	want(t, r.run(), run.Pass)
	if got := blue.paths(); len(got) != 4 {
		t.Errorf("blue got %v", got)
	}
}

func TestForeignAddressIsNotCalled(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		ok(w, `{"url":"http://192.0.2.1/steal"}`)
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases:
  - case: one
    steps:
      - {step: link, get: /link, capture: {url: $.url}}
      - {step: media, get: "{{url}}", auth: {bearer: secret-token}}
`)
	want(t, r.run(), run.Broken, "http://192.0.2.1:80 is not an address of blue's services: nothing was sent")
}

func TestAuthKinds(t *testing.T) {
	tests := []struct{ name, auth, header, wantValue string }{
		{"basic", "{basic: {user: box, password: secret-word}}", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("box:secret-word"))},
		{"bearer", "{bearer: some-token}", "Authorization", "Bearer some-token"},
		{"api key", "{api_key: {header: X-Key, value: key-value}}", "X-Key", "key-value"},
		{"oauth2", `{oauth2: {grant: client_credentials, token_url: "{{idp}}", client_id: stb, client_secret: client-secret, scopes: [epg]}}`, "Authorization", "Bearer access-1"},
		{"oauth2 password", `{oauth2: {grant: password, token_url: "{{idp}}", client_id: stb, client_secret: client-secret, user: kim, password: pass-word}}`, "Authorization", "Bearer access-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
				switch {
				case r.path == "/token":
					if !strings.Contains(r.body, "grant_type=") || !strings.HasPrefix(r.header.Get("Authorization"), "Basic ") {
						w.WriteHeader(400)
					}
					ok(w, `{"access_token":"access-%d","token_type":"Bearer","expires_in":3600}`, d.count("/token"))
				case r.header.Get(tt.header) != tt.wantValue:
					w.WriteHeader(401)
					ok(w, `{"got":%q}`, r.header.Get(tt.header))
				default:
					ok(w, `{"v":1}`)
				}
			})
			r := newRig(t, blue, green)
			r.file("s.yaml", fmt.Sprintf(`
suite: s
sides:
  blue: {vars: {idp: %q}}
  green: {vars: {idp: %q}}
defaults: {auth: %s}
cases: [{case: one, get: /a}, {case: two, get: /b}]
`, r.blue.URL+"/token", r.green.URL+"/token", tt.auth))
			want(t, r.run(), run.Pass)
			if blue.count("/token") > 1 {
				t.Errorf("blue's token was fetched %d times", blue.count("/token"))
			}
			_, value, _ := strings.Cut(tt.wantValue, " ")
			if tt.name == "basic" {
				value = "secret-word"
			}
			if tt.name == "api key" {
				value = tt.wantValue
			}
			if r.sink.secrets[value] == "" {
				t.Errorf("%q was not made a secret: %v", value, r.sink.secrets)
			}
		})
	}
}

// A token that is refused before its time is fetched again where the suite says
// that a session may be over.
func TestRefusedTokenIsFetchedAgain(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		switch {
		case r.path == "/token":
			ok(w, `{"access_token":"access-%d","token_type":"Bearer","expires_in":3600}`, d.count("/token"))
		case r.path == "/b" && r.header.Get("Authorization") == "Bearer access-1":
			w.WriteHeader(401)
			ok(w, `{"code":401}`)
		default:
			ok(w, `{"v":1}`)
		}
	})
	const suite = `
suite: s
%s
defaults: {auth: {oauth2: {token_url: /token, client_id: stb, client_secret: client-secret}}}
cases: [{case: one, steps: [{get: /a}, {get: /b}, {get: /c}]}]
`
	want(t, newRig(t, blue, green).file("s.yaml", fmt.Sprintf(suite, "")).run(), run.Fail, "got 401")
	r := newRig(t, blue, green).file("s.yaml", fmt.Sprintf(suite, "session: {refresh_on: 401}"))
	blue.seen, green.seen = nil, nil
	want(t, r.run(), run.Pass)
	if blue.count("/token") != 2 || green.count("/token") != 2 {
		t.Errorf("%d and %d tokens were fetched", blue.count("/token"), green.count("/token"))
	}
}

func TestAPIKeyInQuery(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1}`) })
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
cases: [{case: one, get: /a, query: {x: "1"}, auth: {api_key: {query: key, value: "a value"}}}]
`)
	want(t, r.run(), run.Pass)
	if got := blue.seen[0].query; got != "x=1&key=a+value" {
		t.Errorf("query %q", got)
	}
}

func TestDataRows(t *testing.T) {
	blue, green := doubles(func(d *double, w http.ResponseWriter, r *seen) {
		n := 3
		if r.query == "ch=CH2" && d.name == "green" {
			n = 4
		}
		ok(w, `{"programs":[%s]}`, strings.TrimSuffix(strings.Repeat("1,", n), ","))
	})
	r := newRig(t, blue, green).file("rows.csv", "channel,programs\nCH1,3\nCH2,3\nCH3,3\n").file("s.yaml", `
suite: s
secrets: [channel]
cases:
  - case: epg
    data: {file: rows.csv, name: "{{channel}}"}
    get: /epg
    query: {ch: "{{channel}}"}
    expect: {body: {$.programs: {count: "{{programs}}"}}}
`)
	end := r.run()
	want(t, end, run.Fail, "green: expected $.programs count is 3, got 4 (s/epg[CH2])")
	if end.Counts.Cases != 3 || end.Counts.Pass != 2 || end.Counts.Fail != 1 {
		t.Errorf("counts %+v", end.Counts)
	}
	if r.sink.begin.Planned.Cases != 3 {
		t.Errorf("planned %+v", r.sink.begin.Planned)
	}
}

func TestRowsThatShrinkAreBroken(t *testing.T) {
	bodies := jsonHandler(map[string]string{"/a": `{"v":1}`})
	r := newRig(t, bodies, bodies).file("rows.csv", "x\n1\n2\n3\n").file("s.yaml", "suite: s\ncases: [{case: one, data: {file: rows.csv}, get: /a}]\n")
	r.change = func(p *Plan) {
		data := *p.Suites[0].Cases[0].Data
		data.Count++
		p.Suites[0].Cases[0].Data = &data
	}
	end := r.run()
	want(t, end, run.Broken, "rows.csv has 3 rows, 4 were planned")
	if end.Counts.Broken != 1 || end.Counts.Pass != 3 {
		t.Errorf("counts %+v", end.Counts)
	}
}

func TestVariableScopes(t *testing.T) {
	tests := []struct{ name, file, env, want string }{
		{"suite", "vars: {v: suite}\n", "", "suite/suite"},
		{"side before suite", "vars: {v: suite}\nsides: {blue: {vars: {v: b}}, green: {vars: {v: g}}}\n", "", "b/g"},
		{"env file before side", "sides: {blue: {vars: {v: b}}, green: {vars: {v: g}}}\n", "vars: {v: stage}\n", "stage/stage"},
		{"env file's side before its common", "vars: {v: suite}\n", "vars: {v: stage}\nsides: {blue: {vars: {v: eb}}, green: {vars: {v: eg}}}\n", "eb/eg"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1}`) })
			r := newRig(t, blue, green).file("s.yaml", "suite: s\n"+tt.file+"cases: [{case: one, get: \"/{{v}}\"}]\n")
			r.env = tt.env
			r.run()
			if got := blue.seen[0].path[1:] + "/" + green.seen[0].path[1:]; got != tt.want {
				t.Errorf("sent %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("nearest", func(t *testing.T) {
		blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"c":"capture"}`) })
		r := newRig(t, blue, green).file("s.yaml", `
suite: s
vars: {v: suite, w: suite, x: suite, y: suite, z: suite}
cases:
  - case: one
    vars: {v: case, w: case, x: case, y: case, z: case}
    data: {rows: [{y: row, z: row}]}
    steps:
      - {step: a, get: "/{{v}}/{{w}}/{{x}}/{{y}}/{{z}}", capture: {z: $.c}}
      - {step: b, get: "/{{z}}"}
`)
		r.env = "vars: {w: stage}\n"
		r.vars = append(r.vars, named1("x", "flag"))
		r.run()
		if got := blue.seen[0].path; got != "/case/stage/flag/row/row" {
			t.Errorf("sent %s", got)
		}
		if got := blue.seen[1].path; got != "/capture" {
			t.Errorf("sent %s", got)
		}
	})
}

func TestPartsTakeArguments(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"id":"7"}`) })
	r := newRig(t, blue, green).file("parts.yaml", `
parts:
  play: [{step: play, get: "/play/{{content}}", capture: {id: $.id}}]
`).file("s.yaml", `
suite: s
vars: {content: suite, name: VOD}
cases:
  - case: one
    steps:
      - {use: "parts.yaml#play", with: {content: "{{name}}-1"}}
      - {step: after, get: "/after/{{id}}/{{content}}"}
`)
	want(t, r.run(), run.Pass)
	if got := blue.paths(); !slices.Equal(got, []string{"GET /play/VOD-1", "GET /after/7/suite"}) {
		t.Errorf("blue got %v", got)
	}
}

func TestServicesAndHeaders(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, _ *seen) { ok(w, `{"v":1}`) })
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
service: api
sides:
  blue: {headers: {X-A: side, X-B: side, X-C: side}, services: {api: /base/, other: {url: /o, headers: {X-B: service, X-C: service}}}}
  green: {headers: {X-A: side, X-B: side, X-C: side}, services: {api: /base/, other: {url: /o, headers: {X-B: service, X-C: service}}}}
cases:
  - {case: one, get: /a b/ç}
  - {case: two, service: other, get: /x, headers: {x-c: step}}
`)
	want(t, r.run(), run.Pass)
	for _, s := range blue.seen {
		switch s.path {
		case "/base/a b/ç":
		case "/o/x":
			if got := s.header.Get("X-A") + s.header.Get("X-B") + s.header.Get("X-C") + fmt.Sprint(len(s.header["X-C"])); got != "sideservicestep1" {
				t.Errorf("headers %v", s.header)
			}
		default:
			t.Errorf("path %q", s.path)
		}
	}
}

// TestCrossingLanesMayComeLater: a crossing lane comes half a second after the straight
// ones, and a clock that a rule allows 120 ms is not a difference for that.
func TestCrossingLanesMayComeLater(t *testing.T) {
	blue, green := doubles(func(_ *double, w http.ResponseWriter, r *seen) {
		if r.path == "/in" {
			time.Sleep(150 * time.Millisecond)
		}
		ok(w, `{"v":1,"serverTime":%q}`, time.Now().UTC().Format(time.RFC3339Nano))
	})
	r := newRig(t, blue, green).file("s.yaml", `
suite: s
rules: [{at: $.serverTime, do: time, within: 120ms}]
cases:
  - case: box
    crossover: true
    steps: [{step: in, get: /in}, {step: home, get: /home}]
`)
	want(t, r.run(), run.Pass)
}
