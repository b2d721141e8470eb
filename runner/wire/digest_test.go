package wire

import (
	"strings"
	"testing"
)

// The examples of RFC 2069 (as its errata mend it), RFC 2617 and RFC 7616.
func TestDigestVectors(t *testing.T) {
	for _, tt := range []struct {
		name, challenge, method, target, user, password, cnonce string
		want                                                    []string
	}{
		{
			"RFC 2069 2.4", `Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"GET", "/dir/index.html", "Mufasa", "CircleOfLife", "",
			[]string{`response="1949323746fe6a43ef61f9606e7febea"`, `opaque="5ccc069c403ebaf9f0171e9517f40e41"`},
		},
		{
			"RFC 2617 3.5", `Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			"GET", "/dir/index.html", "Mufasa", "Circle Of Life", "0a4f113b",
			[]string{`response="6629fae49393a05397450978507c4ef1"`, "qop=auth,", "nc=00000001", `cnonce="0a4f113b"`, `uri="/dir/index.html"`},
		},
		{
			"RFC 7616 3.9.1 MD5", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"GET", "/dir/index.html", "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			[]string{`response="8ca523f5e9506fed4657c9700eebdbec"`, "algorithm=MD5"},
		},
		{
			"RFC 7616 3.9.1 SHA-256", `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
			"GET", "/dir/index.html", "Mufasa", "Circle of Life", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			[]string{`response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"`},
		},
		{ // the response as erratum 4897 has it
			"RFC 7616 3.9.2 SHA-512-256 userhash", `Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			"GET", "/doe.json", "Jäsøn Doe", "Secret, or not?", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
			[]string{`response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"`, `username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"`, "userhash=true"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := DigestChallenge([]Field{{"Www-Authenticate", tt.challenge}})
			if err != nil {
				t.Fatal(err)
			}
			got := d.Authorization(tt.method, tt.target, nil, tt.user, tt.password, tt.cnonce)
			for _, part := range tt.want {
				if !strings.Contains(got, part) {
					t.Errorf("no %s in %s", part, got)
				}
			}
		})
	}
}

func TestDigestChallenge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []string
		want   string // algorithm realm qop nonce, or the error
	}{
		{"first that can be answered", []string{`Digest realm="a", nonce="1", algorithm=SHA-1`, `Basic realm="b", Digest realm="c, \"d\"", nonce="2", algorithm=SHA-256, qop="auth-int"`}, `SHA-256 c, "d" auth-int 2`},
		{"among others in one field", []string{`Newauth realm="apps", type=1, title="Login to \"apps\"", Digest nonce=3,realm=x , qop="auth-int, auth", stale=TRUE`}, " x auth 3 stale"},
		{"session", []string{`digest realm="a",algorithm=md5-sess,nonce="4"`}, "md5-sess a  4"},
		{"none", []string{`Basic realm="a"`}, "no Digest challenge"},
		{"no field", nil, "no Digest challenge"},
		{"no nonce", []string{`Digest realm="a"`}, "a Digest challenge without a nonce"},
		{"qop", []string{`Digest realm="a", nonce="1", qop="other"`}, `unknown Digest qop "other"`},
		{"algorithm", []string{`Digest realm="a", nonce="1", algorithm=SHA-1`}, `unknown Digest algorithm "SHA-1"`},
		{"not a list", []string{`===`, `Digest realm="a`, `,,,`}, "a Digest challenge without a nonce"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var fields []Field
			for _, v := range tt.values {
				fields = append(fields, Field{"WWW-Authenticate", v})
			}
			got := ""
			if d, err := DigestChallenge(fields); err != nil {
				got = err.Error()
			} else {
				got = strings.Join([]string{d.Algorithm, d.Realm, d.QOP, d.Nonce}, " ")
				if d.Stale {
					got += " stale"
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// The count rises with each answer; a next nonce begins anew.
func TestDigestCounts(t *testing.T) {
	d, err := DigestChallenge([]Field{{"WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`}})
	if err != nil {
		t.Fatal(err)
	}
	first := d.Authorization("GET", "/", nil, "김", "p", "c")
	second := d.Authorization("GET", "/", nil, "김", "p", "c")
	d.Next([]Field{{"Authentication-Info", `rspauth="x", nextnonce="m", qop=auth`}})
	third := d.Authorization("GET", "/", nil, "김", "p", "c")
	for i, want := range []string{`nonce="n"`, "nc=00000001", "nc=00000002", `nonce="m"`, "nc=00000001", "username*=UTF-8''%EA%B9%80"} {
		if got := []string{first, first, second, third, third, third}[i]; !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}
}

func FuzzDigestChallenge(f *testing.F) {
	for _, s := range []string{`Digest realm="a", nonce="1"`, `Basic x, Digest nonce=`, `Digest "`, `a=b`, "", `Digest nonce="\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := DigestChallenge([]Field{{"WWW-Authenticate", text}})
		if err != nil {
			return
		}
		if got := d.Authorization("GET", "/", nil, "u", "p", "c"); d.Nonce == "" || !strings.HasPrefix(got, "Digest username=") {
			t.Fatalf("%q: %+v %s", text, d, got)
		}
	})
}
