package judge

import (
	"testing"

	"github.com/bgverify/bgverify/runner/run"
	"github.com/bgverify/bgverify/runner/wire"
)

// TestRefusesOthers: an expectation says something of a value only where it would
// refuse others in its place.
func TestRefusesOthers(t *testing.T) {
	const body = `{"l":[{"u":"box-1","n":50},{"u":"box-2","n":60}],"on":true,"none":null}`
	tests := []struct {
		expect         string
		refuses, below bool
	}{
		{`{"$..u": {exists: true}}`, false, false},
		{`{"$..u": {matches: ".*"}}`, false, false},
		{`{"$..u": {matches: ".+"}}`, false, false},
		{`{"$..u": {ne: zzz}}`, false, false},
		{`{"$..u": {not: {contains: error}}}`, false, false},
		{`{"$..u": {empty: false}}`, false, false},
		{`{"$.l[*].u": {count: 2}}`, false, false},
		{`{"$.l[*].u": {unique: true}}`, false, false},
		{`{"$..u": {matches: "^box-[0-9]+$"}}`, true, false},
		{`{"$..u": {type: string}}`, true, false},
		{`{"$..u": {in: [box-1, box-2]}}`, true, false},
		{`{"$..n": {gte: 0}}`, false, false},
		{`{"$..n": {lt: 100000}}`, false, false},
		{`{"$..n": {gte: 10, lte: 90}}`, true, false},
		{`{"$.l": {count: {gte: 0}}}`, false, false},
		{`{"$.l": {count: 2}}`, true, false},
		{`{"$.l": {count: {gte: 1}}}`, true, false},
		{`{"$.l": {each: {exists: true}}}`, false, false},
		{`{"$.l[0]": {eq: {u: box-1, n: 50}}}`, true, true},
		{`{"$.on": true}`, true, false},
		{`{"$.on": {exists: true}}`, false, false},
		{`{"$.none": null}`, true, false},
		{`{"$.gone": {exists: false}}`, false, false},
	}
	for _, tt := range tests {
		p := checksOf(t, "{body: "+tt.expect+"}").body[0]
		refuses, below := p.refusesOthers(readText(body))
		if refuses != tt.refuses || below != tt.below {
			t.Errorf("%s: refuses %t, below %t, want %t and %t", tt.expect, refuses, below, tt.refuses, tt.below)
		}
	}
}

// TestPageOfKnownType: a page is an answer only where what is expected of the content
// type would not hold of most data.
func TestPageOfKnownType(t *testing.T) {
	tests := []struct {
		expect string
		want   run.Verdict
	}{
		{`{headers: {content-type: {exists: true}}}`, run.Fail},
		{`{headers: {content-type: {ne: text/plain}}}`, run.Fail},
		{`{headers: {content-type: {matches: "^(text|application|image)/"}}}`, run.Fail},
		{`{headers: {content-type: text/html}}`, run.Pass},
		{`{headers: {content-type: {contains: html}}}`, run.Pass},
		{`{headers: {content-type: {in: [text/html, application/json]}}}`, run.Pass},
		{`{text: {contains: "<"}}`, run.Fail},
		{`{text: {contains: Login}}`, run.Pass},
	}
	for _, tt := range tests {
		if got, why := judged(t, checksOf(t, tt.expect), reply(200, "text/html", "<html><body>Login</body></html>")); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.expect, got, tt.want, why)
		}
	}
	grpc := reply(200, "application/grpc", "\x00\x00\x00\x00\x00", wire.Field{Name: "grpc-status", Value: "13"})
	if got, why := judged(t, checksOf(t, `{headers: {grpc-status: {exists: true}}}`), grpc); got != run.Fail {
		t.Errorf("any status: %v: %s", got, why)
	}
}
