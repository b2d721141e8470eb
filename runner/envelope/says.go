package envelope

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/diff"
	"github.com/bgverify/bgverify/internal/lazy"
)

// An outcome is what a code, a word or a message says of a result.
type outcome uint8

const (
	unknown outcome = iota
	success
	failure
)

// isDigit reports whether c is an ASCII digit.
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// isLetter reports whether c is an ASCII letter.
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// count is how many bytes a text begins with that meet a condition.
func count(text string, is func(byte) bool) int {
	n := 0
	for n < len(text) && is(text[n]) {
		n++
	}
	return n
}

// isZero reports whether a code is zeros, with up to four letters before them that are
// not an error's: 0, 0000, 0.0, S0000, OK-0. Codes that begin with E or F are errors.
func isZero(code string) bool {
	letters := count(code, isLetter)
	if letters > 4 || letters > 0 && (code[0] == 'E' || code[0] == 'F') {
		return false
	}
	rest := code[letters:]
	if letters > 0 && rest != "" && (rest[0] == '-' || rest[0] == '_') {
		rest = rest[1:]
	}
	whole, fraction, point := strings.Cut(rest, ".")
	return whole != "" && strings.Trim(whole, "0") == "" && (!point || fraction != "" && strings.Trim(fraction, "0") == "")
}

// isStatus reports whether a code is an HTTP status that begins with one of the digits in
// first, alone or with up to three more digits or a phrase: 404, 40400, 404 Not Found.
func isStatus(code, first string) bool {
	if len(code) < 3 || strings.IndexByte(first, code[0]) < 0 || !isDigit(code[1]) || !isDigit(code[2]) {
		return false
	}
	// After the status come digits by which a service divides it further, or a phrase on the
	// same line.
	rest := code[3:]
	if rest != "" && strings.IndexByte(" _-", rest[0]) >= 0 {
		return !strings.Contains(rest, "\n")
	}
	return len(rest) <= 3 && count(rest, isDigit) == len(rest)
}

// isLettered reports whether a code is letters and a number, such as E500, where a word
// is usual too.
func isLettered(code string) bool {
	letters := count(code, isLetter)
	rest := code[letters:]
	if rest != "" && (rest[0] == '-' || rest[0] == '_') {
		rest = rest[1:]
	}
	return letters > 0 && rest != "" && count(rest, isDigit) == len(rest)
}

// isISOCode reports whether a code may be that of a country, a currency or a language:
// KR, USD, ko-KR.
func isISOCode(code string) bool {
	letters := count(code, isLetter)
	rest := code[letters:]
	return (letters == 2 || letters == 3) && (rest == "" || len(rest) == 3 && (rest[0] == '-' || rest[0] == '_') && isLetter(rest[1]) &&
		isLetter(rest[2]))
}

// isFailureCode reports whether a code in capitals says that something failed:
// ERR_SESSION, TOKEN_EXPIRED. All of these have a separator.
func isFailureCode(code string) bool {
	return strings.ContainsAny(code, "-_.:") && failureCode().MatchString(code)
}

// isException reports whether a text is the name of an exception: ThrottlingException,
// java.io.IOError.
func isException(text string) bool {
	return endsWith(text, "Exception", "Error", "Fault") && exceptionName().MatchString(text)
}

// codeOf says what a code means. Zeros, 2xx and words of success are successes;
// numbers below zero, 4xx and 5xx and words of failure are failures; nobody knows
// what any other code means.
func codeOf(v view) outcome {
	if !v.isScalar() {
		return unknown
	}
	// The order matters: E0000 has zeros and is an error, 200 is a number and a success.
	code := strings.ToUpper(v.text())
	switch {
	case code == "":
		return success // nothing is said
	case v.is(diff.BoolType):
		return unknown
	// Words first: NONE and N are successes, although a code of letters could mean anything.
	case successWords[code], isZero(code), isStatus(code, "2"):
		return success
	case isFailureCode(code), isException(v.text()):
		return failure
	// Numbers below zero are errors by a custom as old as return values.
	case code[0] == '-' && len(code) > 1 && isDigit(code[1]), isStatus(code, "45"):
		return failure
	}
	return wordOf(v)
}

var (
	// failureCode is for isFailureCode, which asks for a separator first.
	failureCode = lazy.Regexp(`^(?:ERR|ERROR|FAIL|FAILED|FAILURE|EXCEPTION|FAULT)[-_.:][^0].*[A-Z]|^[A-Z_.-]*[-_.](?:ERR|ERROR|FAIL|FAILED|FAILURE|EXCEPTION|DENIED|EXPIRED|INVALID|UNAUTHORIZED|FORBIDDEN|REQUIRED|NOT_FOUND|UNAVAILABLE|TIMEOUT)$`)
	// exceptionName is for isException, which asks for its last word first.
	exceptionName = lazy.Regexp(`^[\w.#$/:-]*[a-z](?:Exception|Error|Fault)$`)
	// wrongSaid finds in a message that is all there is what went wrong.
	wrongSaid = lazy.Regexp(`(?i)\b(?:timed out|(?:token|session|key|signature|certificate|credentials?) (?:has |have |is |are )?(?:expired|invalid|missing|required|revoked)|(?:rate|quota|limit)\b.{0,20} exceeded|too many requests|throttl\w+|access denied|forbidden|(?:un|not )authori[sz]ed|(?:un|not )authenticated|authentication (?:required|failed)|(?:credentials?|token|key) (?:was|were) not (?:provided|found)|(?:log|sign)[ -]?in (?:is )?required|(?:must|please|need to) (?:be logged|log|sign) ?in|(?:internal|server|system|database|unexpected|unknown) error|unavailable|(?:went|gone) wrong)\b|\b(?:missing|invalid) (?:\w+ ){0,2}(?:token|header|key|parameters?|credentials?|session|signature|request)\b|만료되|만료된|실패|오류|에러|권한이 없|필요합니다|존재하지 않|찾을 수 없|유효하지 않|잘못된`)
)

// successWords are values by which services say that nothing is wrong, in capitals.
var successWords = wordSet("N NO NONE NULL NIL FALSE N/A NA - OK OKAY SUCCESS SUCCEEDED SUCCEED SUCCESSFUL SUCCESSFULLY PASS PASSED " +
	"NORMAL NORMAL_CODE NORMAL_SERVICE NO_ERROR NOERROR NOERR NO-ERROR NOT_ERROR COMPLETE COMPLETED DONE 정상 성공 완료")

// failureWords are values by which services say that something failed, in capitals.
var failureWords = wordSet("ERROR ERR FAIL FAILED FAILURE FAULT NG NOK NOT_OK KO EXCEPTION ABORTED DENIED 실패 오류 에러")

// statusNames are the errors of HTTP and gRPC as frameworks write them.
var statusNames = wordSet(`BAD_REQUEST UNAUTHORIZED FORBIDDEN NOT_FOUND METHOD_NOT_ALLOWED NOT_ACCEPTABLE REQUEST_TIMEOUT CONFLICT GONE PRECONDITION_FAILED
	UNSUPPORTED_MEDIA_TYPE UNPROCESSABLE_ENTITY TOO_MANY_REQUESTS INTERNAL_SERVER_ERROR NOT_IMPLEMENTED BAD_GATEWAY SERVICE_UNAVAILABLE GATEWAY_TIMEOUT
	CANCELLED INVALID_ARGUMENT DEADLINE_EXCEEDED PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION OUT_OF_RANGE UNIMPLEMENTED INTERNAL INTERNAL_ERROR SERVER_ERROR UNAVAILABLE DATA_LOSS UNAUTHENTICATED SYSTEM_ERROR`)

// wordSet is a set of words that spaces separate.
func wordSet(words string) map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		out[w] = true
	}
	return out
}

// wordOf says what a word such as OK, FAILED or NOT_FOUND means.
func wordOf(v view) outcome {
	if !v.is(diff.StringType) {
		return unknown
	}
	// Messages end with a full stop or a mark, words of a result do not: both are read alike.
	w := strings.ToUpper(strings.TrimRight(v.text(), ".!"))
	switch {
	case failureWords[w] || statusNames[strings.ReplaceAll(w, " ", "_")]:
		return failure
	case successWords[w]:
		return success
	}
	return unknown
}

// envelopeWords are failures that envelopes are marked by; FAILED and its kin are
// as often the state of an order or a job.
var envelopeWords = wordSet("ERROR ERR FAIL FAULT NG NOK NOT_OK KO EXCEPTION 오류 에러")

var (
	// Texts for people that say success or failure; a text that says both, such as "not ok", says
	// failure unless it is one of noErrorAt.
	wellSaid  = lazy.Regexp(`(?i)^(?:[\w.]+:)?(?:ok|okay|done|normal(?:[ _]\w+)?|no[ _-]?error|complete[d]?|accepted|created|updated|deleted|saved|successful(?:ly)?)[.! ]*$|success|succeeded|정상|성공|완료`)
	badlySaid = lazy.Regexp(`(?i)\b(?:not|no|un\w*|in\w+|fail\w*|error|without|denied|invalid|exception)\b|fail|unsuccess|비정상|실패|오류|에러|않|못|불가|미완료|없`)
	noErrorAt = regexp.MustCompile(`(?i)no[ _-]?error`)
)

// wellMeant reports whether a message says that all is well.
func wellMeant(message string) bool {
	return wellSaid().MatchString(message) && (noErrorAt.MatchString(message) || !badlySaid().MatchString(message))
}

// isFalse reports whether a flag says no: false, "false", N, fail.
func isFalse(v view) bool {
	return v.isFlag("false", "n", "no", "fail", "failed", "failure", "error")
}

// isTrue reports whether a flag says yes.
func isTrue(v view) bool {
	return v.isFlag("true", "y", "yes")
}

// isFlag reports whether a value is a boolean or a text that says one of some words, in letters
// of any case.
func (v view) isFlag(words ...string) bool {
	return (v.is(diff.BoolType) || v.is(diff.StringType)) && slices.Contains(words, strings.ToLower(v.text()))
}

// harmless reports whether what a name such as error holds is none: nothing, a
// success code, or an object that says so.
func harmless(v view) bool {
	if v.hollow() {
		return true
	}
	switch {
	case v.isArray():
		return !v.some(func(e view) bool { return !harmless(e) })
	case v.isObject():
		// An object under error is harmless where a member says so and none says otherwise.
		fine, wrong := false, false
		v.some(func(m view) bool {
			switch r := roleOf(m.name); {
			case r&good != 0:
				fine, wrong = fine || isTrue(m), wrong || isFalse(m)
			case r&(code|errCode) != 0 && m.isScalar() && m.text() != "":
				fine, wrong = fine || codeOf(m) == success, wrong || codeOf(m) != success
			}
			return wrong
		})
		return fine && !wrong
	case v.is(diff.NumberType):
		return codeOf(v) == success || strings.ContainsAny(v.text(), ".eE") // a margin of error
	}
	return v.is(diff.StringType) && (codeOf(v) == success || wellMeant(v.text()))
}
