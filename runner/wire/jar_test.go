package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clockJar is a jar at a given time.
func clockJar(now *time.Time) *Jar {
	j := NewJar()
	j.now = func() time.Time { return *now }
	return j
}

func setting(lines ...string) *Exchange {
	x := &Exchange{}
	for _, l := range lines {
		x.Headers = append(x.Headers, Field{"set-cookie", l})
	}
	return x
}

func TestJar(t *testing.T) {
	for _, c := range []struct {
		name, from string
		lines      []string
		to, want   string
		reason     string
	}{
		{"host only", "https://api.example.com/", []string{"a=1"}, "https://api.example.com/x", "a=1", "section 5.3"},
		{"not below", "https://example.com/", []string{"a=1"}, "https://api.example.com/", "", "no Domain: the host alone"},
		{"not above", "https://api.example.com/", []string{"a=1"}, "https://example.com/", "", "no Domain: the host alone"},
		{"domain", "https://api.example.com/", []string{"a=1; Domain=example.com"}, "https://auth.example.com/", "a=1", "a shared domain"},
		{"domain with dot and case", "https://api.example.com/", []string{"a=1; domain=.EXAMPLE.com"}, "https://example.com/", "a=1", "the dot is dropped"},
		{"foreign domain", "https://api.example.com/", []string{"a=1; Domain=other.com"}, "https://other.com/", "", "not its own"},
		{"domain below", "https://example.com/", []string{"a=1; Domain=api.example.com"}, "https://api.example.com/", "", "does not match the host"},
		{"suffix that is no label", "https://badexample.com/", []string{"a=1; Domain=example.com"}, "https://example.com/", "", "a label boundary is wanted"},
		{"public suffix", "https://api.co.kr/", []string{"a=1; Domain=co.kr"}, "https://other.co.kr/", "", "everybody is below it"},
		{"top level", "https://api.com/", []string{"a=1; Domain=com"}, "https://other.com/", "", "everybody is below it"},
		{"localhost", "http://localhost:8080/", []string{"a=1; Domain=localhost"}, "http://localhost:9090/", "a=1", "its own name; ports do not count"},
		{"address", "http://127.0.0.1:1/", []string{"a=1; Domain=127.0.0.1"}, "http://127.0.0.1:2/", "a=1", "its own address"},
		{"part of an address", "http://127.0.0.1/", []string{"a=1; Domain=0.0.1"}, "http://127.0.0.1/", "", "an address has no parents"},
		{"path", "https://e.com/a/b", []string{"a=1"}, "https://e.com/a/c", "a=1", "default path /a"},
		{"other path", "https://e.com/a/b", []string{"a=1"}, "https://e.com/b", "", "default path /a"},
		{"path prefix", "https://e.com/", []string{"a=1; Path=/v1"}, "https://e.com/v1/x", "a=1", "below"},
		{"path that only begins so", "https://e.com/", []string{"a=1; Path=/v1"}, "https://e.com/v12", "", "a segment boundary is wanted"},
		{"path with slash", "https://e.com/", []string{"a=1; Path=/v1/"}, "https://e.com/v1", "", "/v1/ does not match /v1"},
		{"empty url path", "https://e.com", []string{"a=1"}, "https://e.com", "a=1", "is /"},
		{"relative path", "https://e.com/a/b", []string{"a=1; Path=x"}, "https://e.com/a/", "a=1", "ignored: default path"},
		{"secure", "https://e.com/", []string{"a=1; Secure"}, "http://e.com/", "", "not over http"},
		{"secure over https", "https://e.com/", []string{"a=1; Secure"}, "https://e.com/", "a=1", "over https"},
		{"secure set over http", "http://e.com/", []string{"a=1; Secure"}, "https://e.com/", "", "anybody could have set it"},
		{"order", "https://e.com/", []string{"a=1; Path=/", "b=2; Path=/x", "c=3; Path=/"}, "https://e.com/x", "b=2; a=1; c=3", "longer paths first, then older"},
		{"replaced", "https://e.com/", []string{"a=1", "b=2", "a=3"}, "https://e.com/", "a=3; b=2", "the place is kept"},
		{"same name, two paths", "https://e.com/", []string{"a=1; Path=/", "a=2; Path=/x"}, "https://e.com/x", "a=2; a=1", "two cookies"},
		{"max-age 0", "https://e.com/", []string{"a=1", "a=; Max-Age=0"}, "https://e.com/", "", "deletes"},
		{"negative max-age", "https://e.com/", []string{"a=1", "a=; Max-Age=-1"}, "https://e.com/", "", "deletes"},
		{"past expires", "https://e.com/", []string{"a=1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "https://e.com/", "", "deletes"},
		{"max-age wins", "https://e.com/", []string{"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60"}, "https://e.com/", "a=1", "section 5.3"},
		{"quoted", "https://e.com/", []string{`a="b c"`}, "https://e.com/", `a="b c"`, "the quotes are part of it"},
		{"host prefix", "https://e.com/", []string{"__Host-a=1; Secure; Path=/"}, "https://e.com/", "__Host-a=1", "keeps its promise"},
		{"host prefix with domain", "https://e.com/", []string{"__Host-a=1; Secure; Path=/; Domain=e.com"}, "https://e.com/", "", "breaks it"},
		{"secure prefix", "https://e.com/", []string{"__Secure-a=1"}, "https://e.com/", "", "breaks it"},
		{"no name", "https://e.com/", []string{"=1", ";", ""}, "https://e.com/", "", "is no cookie"},
		{"4 KiB", "https://e.com/", []string{"a=" + strings.Repeat("x", 4095)}, "https://e.com/", "a=" + strings.Repeat("x", 4095), "the bound"},
		{"above 4 KiB", "https://e.com/", []string{"a=" + strings.Repeat("x", 4096)}, "https://e.com/", "", "the bound"},
		{"huge", "https://e.com/", []string{"a=1; Path=/" + strings.Repeat("x", 1<<20)}, "https://e.com/", "", "the bound"},
		{"host in capitals, dot", "https://E.com./", []string{"a=1"}, "https://e.COM/", "a=1", "names are compared in lower case"},
	} {
		now := time.Unix(1e9, 0)
		j := clockJar(&now)
		j.Set(c.from, setting(c.lines...))
		if got := j.Header(c.to); got != c.want {
			t.Errorf("%s (%s): got %q, want %q", c.name, c.reason, got, c.want)
		}
	}
}

func TestJarForgetsInTime(t *testing.T) {
	now := time.Unix(1e9, 0)
	j := clockJar(&now)
	j.Set("http://e.com/", setting("a=1; Max-Age=60", "b=2; Expires="+now.Add(30*time.Second).UTC().Format(time.RFC1123), "c=3"))
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "a=1; b=2; c=3"}, {31 * time.Second, "a=1; c=3"}, {61 * time.Second, "c=3"}} {
		now = time.Unix(1e9, 0).Add(c.after)
		if got := j.Header("http://e.com/"); got != c.want {
			t.Errorf("after %v: got %q, want %q", c.after, got, c.want)
		}
	}
}

func TestJarIsBounded(t *testing.T) {
	j := NewJar()
	for i := range 10_000 {
		j.Set("http://e.com/", setting(fmt.Sprintf("c%d=%d", i, i)))
	}
	j.Set("http://other.com/", setting("o=1"))
	got := strings.Split(j.Header("http://e.com/"), "; ")
	if len(got) != maxCookies || got[0] != "c9950=9950" || j.Header("http://other.com/") != "o=1" {
		t.Errorf("got %d cookies, the first %q", len(got), got[0])
	}
	for i := range 200 { // below one domain the host that sets them counts
		j.Set("http://e.com/", setting(fmt.Sprintf("d%d=1; Domain=e.com", i)))
	}
	if len(j.cookies) != maxCookies+1 {
		t.Errorf("got %d cookies", len(j.cookies))
	}
}

func TestJarCloneAndGet(t *testing.T) {
	j := NewJar()
	j.Alias("green.example", "blue.example")
	j.Set("http://blue.example/", setting("a=1", `q="x y"`))
	k := j.Clone()
	k.Set("http://blue.example/", setting("a=2", "b=3"))
	if diff := cmp.Diff([]string{`a=1; q="x y"`, `a=2; q="x y"; b=3`}, []string{j.Header("http://green.example/"), k.Header("http://green.example/")}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v, found := k.Get("http://blue.example/", "q"); v != "x y" || !found {
		t.Errorf("q: got %q, %v", v, found)
	}
	if v, found := k.Get("http://blue.example/", "none"); v != "" || found {
		t.Errorf("none: got %q, %v", v, found)
	}
}

// A session born on blue goes to green once the lane says that their hosts are one.
func TestJarCarriesAcrossACutOver(t *testing.T) {
	for _, c := range []struct {
		name, from, line, to, want string
	}{
		{"host only", "https://api.blue.example.com/", "s=1", "https://api.green.example.com/", "s=1"},
		{"and back", "https://api.green.example.com/", "s=1", "https://api.blue.example.com/", "s=1"},
		{"not to another service", "https://api.blue.example.com/", "s=1", "https://auth.green.example.com/", ""},
		{"domain of the side", "https://api.blue.example.com/", "s=1; Domain=blue.example.com", "https://auth.green.example.com/", "s=1"},
		{"domain of green's side", "https://auth.green.example.com/", "s=1; Domain=green.example.com", "https://api.blue.example.com/", "s=1"},
		{"domain of both", "https://api.green.example.com/", "s=1; Domain=example.com", "https://auth.blue.example.com/", "s=1"},
		{"foreign domain", "https://api.green.example.com/", "s=1; Domain=blue.example.com", "https://api.blue.example.com/", ""},
	} {
		j := NewJar()
		if got := c.name; got != "" && j.Header(c.to) != "" {
			t.Fatal("not empty")
		}
		j.Alias("api.green.example.com", "api.blue.example.com")
		j.Alias("auth.green.example.com", "auth.blue.example.com")
		j.Set(c.from, setting(c.line))
		if got := j.Header(c.to); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestJarSaysWhatItWithholds: the cookies that a request lacks, with the reason.
func TestJarSaysWhatItWithholds(t *testing.T) {
	const secure = "it is a Secure cookie, and the address is http"
	for _, c := range []struct {
		name, from string
		lines      []string
		to         string
		want       []Withheld
	}{
		{"secure, set over http", "http://e.com/login", []string{"sid=1; Path=/; Secure"}, "http://e.com/me", []Withheld{{"sid", secure}}},
		{"secure, set over https", "https://e.com/login", []string{"sid=1; Path=/; Secure"}, "http://e.com/me", []Withheld{{"sid", secure}}},
		{"secure over https", "https://e.com/login", []string{"sid=1; Path=/; Secure"}, "https://e.com/me", nil},
		{"a foreign domain", "http://10.0.0.7/login", []string{"sid=1; Path=/; Domain=api.example.com"}, "http://10.0.0.7/me", []Withheld{{"sid", "its Domain api.example.com is not that of the host 10.0.0.7"}}},
		{"a broken promise", "https://e.com/", []string{"__Host-a=1; Secure; Path=/v1"}, "https://e.com/v1", []Withheld{{"__Host-a", "its attributes break what its name promises"}}},
		{"sent under the name all the same", "http://e.com/", []string{"sid=1; Path=/", "sid=2; Path=/; Secure"}, "http://e.com/me", nil},
		{"another path", "http://e.com/", []string{"sid=1; Path=/a; Secure"}, "http://e.com/b", nil},
		{"another host", "http://e.com/", []string{"sid=1; Path=/; Secure"}, "http://f.com/", nil},
		{"deleted", "http://e.com/", []string{"sid=1; Path=/; Secure", "sid=; Path=/; Secure; Max-Age=0"}, "http://e.com/", nil},
		{"set twice", "http://e.com/", []string{"sid=1; Path=/; Secure", "sid=2; Path=/; Secure"}, "http://e.com/", []Withheld{{"sid", secure}}},
	} {
		j := NewJar()
		j.Set(c.from, setting(c.lines...))
		if d := cmp.Diff(c.want, j.Clone().Withheld(c.to)); d != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, d)
		}
	}
}
