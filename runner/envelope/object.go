package envelope

import (
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
)

// maxDepth is how many wrappers an envelope may be below.
const maxDepth = 5

// outside is what is known of the objects around an object.
type outside struct {
	depth   int
	content bool // they hold something
}

// facts are what the members of an object are, read once.
type facts struct {
	found   []member
	says    string // its message
	soft    bool   // a title or description
	zero    bool   // a code does
	content bool   // it holds something that an answer is for
	foreign bool   // it has members that no envelope has
	thing   bool   // one of them names what the object is about: id, orderNo, name
	null    bool   // data is null
	dated   bool   // it has a date
}

// A member is one of an object, with the role that its name suggests.
type member struct {
	view
	role role
}

// read sorts the members of an object by their roles.
func read(v view) *facts {
	f := &facts{}
	// Members without a role are looked at last: whether an id is the request's depends on the other
	// members.
	var other []string
	v.some(func(m view) bool {
		role := roleOf(m.name)
		switch {
		case role != 0:
			f.found = append(f.found, member{m, role})
			f.take(m, role)
		case !m.hollow():
			other = append(other, m.name)
			f.content = f.content || !m.isScalar()
		}
		return false
	})
	for _, name := range other {
		if name == "id" && isRPC(v) {
			continue
		}
		f.foreign, f.thing = true, f.thing || isIdentity(name)
	}
	return f
}

// take notes what a member with a role says.
func (f *facts) take(m view, role role) {
	scalar := m.isScalar()
	f.dated = f.dated || scalar && strings.HasSuffix(strings.ToLower(m.name), "date")
	f.null = f.null || role&data != 0 && m.is(diff.NullType)
	f.soft = f.soft || role&soft != 0 && !m.hollow()
	if m.is(diff.StringType) && role&text != 0 && f.says == "" {
		f.says = m.text()
	}
	// An HTTP status of 200 in a body does not take back an error that is next to it, so it does
	// not count as a success code.
	if role&(code|errCode) != 0 && role&status == 0 && scalar && m.text() != "" && codeOf(m) == success {
		f.zero = true
	}
	switch {
	case role&aside != 0:
	case role&data != 0 && (!scalar || role&word == 0), role&wrap != 0 && !scalar:
		f.content = f.content || m.holds()
	}
}

// isRPC reports whether an object is an answer of JSON-RPC, whose id is the request's.
func isRPC(v view) bool { return v.some(func(m view) bool { return m.name == "jsonrpc" }) }

// isIdentity reports whether a name says what an object is about: id, orderId, seq_no.
func isIdentity(name string) bool {
	return endsWith(strings.ToLower(name), "id", "no", "name", "key", "seq", "uuid", "number")
}

// endsWith reports whether a text ends with one of some endings.
func endsWith(text string, endings ...string) bool {
	return slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(text, end) })
}

// object finds the member by which an object is an error, in it or in an envelope
// below it. Content are lists and objects that hold something, errors, headers
// and links aside. A member is an error by one of these rules:
//
//  1. A flag of success (success, isSuccessful) is false, in any notation; one of
//     errors (hasError) is true. ok and failed are flags where no data is.
//  2. error, errors, fault or exception hold something, other than a success code.
//     A word under fault or exception next to data is data, and so is a list of
//     things that have ids and neither codes nor messages.
//  3. A code of errors (errorCode, errno, …) is not a success, and a message goes
//     with it or there is no content.
//  4. A status or result says error, fail or a like word, and a message goes with
//     it, or data is null, or nothing else is there. Of an object with an id, words
//     such as FAILED are its state, and so is any status.
//  5. A status is one of HTTP's errors, with a message or with nothing else.
//  6. A code of results (resultCode, …) is not a success, there is no content, and
//     a message goes with it or nothing else is there.
//  7. A member named code or the like is an error's (4xx, 5xx, below zero) with a
//     message and without content; any other code, but a success, only where
//     nothing else is there, and not where it may name a country or a currency.
//  8. errorMessage and the like say something, without content; or a message that
//     is all there is says what went wrong.
//  9. A type is named as exceptions are, with a message and nothing else.
//
// Rules 6 to 8 yield to a message or code that says that all is well.
func object(v view, out outside) (view, bool) {
	// The rules are tried in their order, each on all members: a clear sign anywhere decides before a
	// vague one.
	f := read(v)
	f.content = f.content || out.content
	for _, rule := range rules {
		for _, m := range f.found {
			if rule(f, m) {
				return m.view, true
			}
		}
	}
	if out.depth >= maxDepth {
		return view{}, false
	}
	// Nothing on this level is an error. An envelope may be one level below, and content that was seen
	// here still counts there.
	inner := outside{depth: out.depth + 1, content: f.content}
	for _, m := range f.found {
		switch {
		case m.role&data != 0 && m.role&wrap == 0 && m.isObject() && onlyEnvelope(m.view): // {"data": {"error": …}}
			if hit, ok := object(m.view, outside{depth: inner.depth}); ok && roleOf(hit.name)&word == 0 {
				return hit, true
			}
		case m.role&wrap != 0 && m.isObject() && m.role&thing == 0:
			if hit, ok := object(m.view, inner); ok {
				return hit, true
			}
		case m.role&(several|wrap) != 0 && m.isArray() && m.role&thing == 0:
			if hit, ok := batch(m.view); ok {
				return hit, true
			}
		}
	}
	if v.nested && (v.parent == nil || strings.EqualFold(v.name, "body")) { // XML: an element of any name
		return anyElement(v, inner)
	}
	return view{}, false
}

// anyElement judges what is below the root of an XML document or the body of a
// SOAP message, whatever the names of the elements.
func anyElement(v view, inner outside) (hit view, ok bool) {
	v.some(func(m view) bool {
		if m.isObject() && roleOf(m.name)&wrap == 0 {
			inner.content = false
			hit, ok = object(m, inner)
		}
		return ok
	})
	return hit, ok
}

// rules are the rules of object.
var rules = []func(f *facts, m member) bool{
	func(f *facts, m member) bool { // Rule 1
		if m.role&loose != 0 && (f.content || f.thing || f.dated) {
			return false
		}
		// 0 is a failure of some services and the success of others. It is taken for a failure
		// where there is no content, and a message goes with it or nothing else is there.
		zero := m.text() == "0" && !f.content && (f.says != "" || !f.foreign)
		return m.role&good != 0 && (isFalse(m.view) || zero) || m.role&bad != 0 && isTrue(m.view)
	},
	func(f *facts, m member) bool { // Rule 2
		if m.role&thing == 0 || harmless(m.view) || isListOfThings(m.view) {
			return false
		}
		if m.role&loose != 0 && m.isScalar() && (f.foreign || f.content || f.dated) {
			return saysError(m.text()) || isException(m.text())
		}
		if strings.HasSuffix(strings.ToLower(m.name), "errors") && m.is(diff.NumberType) { // how many there are
			return !f.content && f.says != "" && !f.well()
		}
		return true
	},
	func(f *facts, m member) bool { // Rule 3
		// A code of errors is there in answers that succeed too, as 0 or with a message that says so.
		if m.role&errCode == 0 || !m.isScalar() {
			return false
		}
		o := codeOf(m.view)
		return (o == failure || o == unknown && !f.well()) && (!f.content || f.errorSaid())
	},
	failedWord, // Rule 4
	func(f *facts, m member) bool { // Rule 5
		return m.role&status != 0 && m.isScalar() && isStatus(m.text(), "45") && (!f.foreign || f.said() && !f.content && !f.thing)
	},
	func(f *facts, m member) bool { // Rule 6
		// Services number their results as they like. An unknown code is an error only where nothing
		// else in the answer speaks for a success.
		if m.role&code == 0 || m.role&plain != 0 || !m.isScalar() || f.content {
			return false
		}
		o := codeOf(m.view)
		return (o == failure || o == unknown && !f.zero && !f.well()) && (f.said() || !f.foreign)
	},
	func(f *facts, m member) bool { // Rule 7
		o := codeOf(m.view)
		if m.role&plain == 0 || !m.isScalar() || f.content || f.says == "" && !f.errorSaid() && (o != failure || !f.soft || f.foreign) {
			return false
		}
		switch o {
		case failure:
			return m.role&word == 0 || m.is(diff.NumberType)
		case unknown:
			// KR and USD are codes as well, of a country and of a currency.
			if isISOCode(m.text()) && !f.errorSaid() && !badlySaid().MatchString(f.says) {
				return false
			}
			return (m.role&(word|status) == 0 || isLettered(m.text())) && !f.foreign && !f.zero && !f.well()
		}
		return false
	},
	func(f *facts, m member) bool { // Rule 8
		// A message that is all there is: what it says decides.
		if m.role&text != 0 && m.is(diff.StringType) && !f.foreign && !f.content && !f.zero {
			return saysError(m.text()) || wrongSaid().MatchString(m.text())
		}
		return m.role&errText != 0 && !harmless(m.view) && !f.content && !f.thing && !f.well() && !f.zero
	},
	func(f *facts, m member) bool { // Rule 9
		return strings.EqualFold(strings.TrimLeft(m.name, "_@"), "type") && f.said() && !f.foreign && !f.content && isException(m.text())
	},
}

// isListOfThings reports whether all elements of a list have an id or the like, and
// none a code or a message.
func isListOfThings(list view) bool {
	return list.isArray() && !list.some(func(e view) bool {
		if !e.isObject() {
			return true
		}
		f := read(e)
		return !f.thing || f.says != "" || slices.ContainsFunc(f.found,
			func(m member) bool { return m.role&(thing|code|errCode|errText|good|bad) != 0 })
	})
}

// failedWord is rule 4 of object.
func failedWord(f *facts, m member) bool {
	if m.role&word == 0 {
		return false
	}
	if m.isBool(false) {
		return f.says != "" && !f.well()
	}
	if wordOf(m.view) != failure {
		return false
	}
	// FAILED is a state of orders and jobs, which have ids, and a result of calls, which have none.
	said, upper := f.said() || f.errorSaid(), strings.ToUpper(m.text())
	switch {
	case statusNames[strings.ReplaceAll(upper, " ", "_")]:
		return said && !f.content && !f.thing
	case !f.foreign || f.null:
		return true
	}
	state := strings.HasPrefix(strings.ToLower(m.name), "stat") // of what has the id
	return said && (envelopeWords[upper] && !state || !f.thing)
}

// said reports whether there is a message.
func (f *facts) said() bool { return f.says != "" || f.soft }

// well reports whether a message says that all is well.
func (f *facts) well() bool {
	return slices.ContainsFunc(f.found, func(m member) bool {
		return m.role&(text|errText) != 0 && m.is(diff.StringType) && wellMeant(m.text())
	})
}

// errorSaid reports whether a member says what went wrong.
func (f *facts) errorSaid() bool {
	return slices.ContainsFunc(f.found, func(m member) bool {
		return m.role&errText != 0 && m.is(diff.StringType) && m.text() != "" && !wellMeant(m.text())
	})
}
