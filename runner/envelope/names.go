package envelope

import (
	"strings"
)

// A role is what a member of an envelope can be, by its name. A name may have several.
type role uint16

const (
	good    role = 1 << iota // false means failure
	bad                      // true means failure
	thing                    // an error itself: anything in it means failure
	errCode                  // a code of errors: anything but success means failure
	errText                  // what an error says
	code                     // a code of results, good or bad
	plain                    // a name that codes of other things have too
	status                   // an HTTP status
	word                     // OK or FAILED
	text                     // what goes with a code
	wrap                     // an envelope may be below it
	data                     // where envelopes have their content
	aside                    // it and what is below it is never content
	several                  // a list of answers
	soft                     // text that goes with a code, and with data too
	loose                    // next to data it is data
)

// roles are the roles of names; see names.
var roles = func() map[string]role {
	out := map[string]role{}
	for _, n := range names {
		// A name in several rows has all of their roles.
		for name := range strings.FieldsSeq(n.names) {
			out[name] |= n.role
		}
	}
	return out
}()

// roleOf is what a member can be by its name. Names that end with response,
// header, reply or result are those of an envelope around an answer.
func roleOf(name string) role {
	if len(name) > 64 {
		return 0
	}
	// Attributes of XML and members of JSON dialects begin with these.
	name = strings.TrimLeft(name, "@$")
	if at := strings.LastIndexByte(name, '.'); at >= 0 && roleOf(name[at+1:])&thing != 0 {
		name = name[at+1:] // odata.error
	}
	var buf [64]byte // names are short: the usual one is looked up without a copy
	n := 0
	for i := range len(name) {
		switch c := name[i]; {
		// Signs between words carry no meaning: result_code, result-code and resultCode are one name.
		case c == '_' || c == '-' || c == ' ':
			continue
		case 'A' <= c && c <= 'Z':
			buf[n] = c + 'a' - 'A'
		default:
			buf[n] = c
		}
		n++
	}
	if r, ok := roles[string(buf[:n])]; ok {
		return r
	}
	return composedRole(string(buf[:n]))
}

// composedRole is the role of a name by the word at its end.
func composedRole(plain string) role {
	if r := resultRole(plain); r != 0 || len(plain) <= len("response") {
		return r
	}
	switch {
	case endsWith(plain, "response", "reply", "result", "envelope"):
		return wrap
	case strings.HasSuffix(plain, "header"):
		return wrap | aside
	}
	return 0
}

// resultRole is the role of names that are put together of a word for results and
// one for a code or a message: rslt_cd, procResultCode, svcRsltMsg.
func resultRole(plain string) role {
	for _, end := range []struct {
		role  role
		words []string
	}{{code, []string{"code", "cd"}}, {text, []string{"message", "msg", "desc"}}} {
		for _, word := range end.words {
			// The word for results has to come right before it: resultcode is one, barcode and zipcode
			// are not.
			stem, ok := strings.CutSuffix(plain, word)
			if ok && endsWith(stem, resultStems...) {
				return end.role
			}
		}
	}
	return 0
}

// resultStems are the words by which services name the part of an answer that says how it went, as
// whole names or at the beginning of longer ones.
var resultStems = []string{"result", "rslt", "reslt", "response", "resp", "rsp", "return", "rtn", "reply"}

// names lists the names of members by what they are, in lower case without _ and -.
var names = []struct {
	role  role
	names string
}{
	// Flags of a success. Public APIs of Korea write Y and N under names that end with yn.
	{good, "success ok issuccess issuccessful successful succeeded isok successyn resultyn"},
	// Flags of a failure, and those of them that are also words for data: a list of the failed, a
	// fault of a machine.
	{bad, "failed isfailed hasfailed failure isfailure"},
	{loose, "ok failed isfailed hasfailed failure isfailure fault exception"},
	{bad, "haserror haserrors iserror isfault erroryn erryn"},
	// The error itself. It may be an envelope, and what it says is never content.
	{thing | wrap | aside, "error errors err fault exception"},
	// What codes and texts of errors alone are called.
	{errCode, "errorcode errcode errorcd errcd errno errorno errornum errornumber errorid faultcode exceptioncode returnreasoncode failcode"},
	{errText, "errormessage errmessage errormsg errmsg errordescription errordesc errdesc errorreason errordetail errordetails errortext " +
		"errorstring faultstring faultmessage failmessage failreason exceptionmessage returnauthmsg errorinfo errortype"},
	// Codes of results, which successes have too.
	{code, "resultcode resultcd rescode rescd returncode returncd retcode rtncode rtncd responsecode respcode rspcode rspcd replycode rcode " +
		"retval resultno apicode bizcode subcode reasoncode"},
	// Short names that countries, currencies and discounts have as well; see rule 7 of object.
	{code | plain, "code ret rc cd statuscd"},
	{code | plain | status, "statuscode httpcode httpstatus httpstatuscode"},
	// A status may be a word, a code, an HTTP status or an object with all of these.
	{word | code | plain | status | wrap, "status"},
	{word | code | plain | wrap | data, "result"},
	{word | wrap, "stat resultstatus returnstatus responsestatus statustype ack outcome"},
	// What is said to people. A message alone is not yet an error; see rule 8 of object.
	{text, "message msg reason resultmessage resultmsg resmsg returnmessage returnmsg retmsg rtnmsg responsemessage respmsg rspmsg replymsg " +
		"rm rmsg statusmessage statusmsg statustext statusreason usermessage developermessage detailmessage localizedmessage displaymessage " +
		"messages detail"},
	// Texts that go with a code and that data has as well, such as the title of a film.
	{soft, "description desc title info hint text alert"},
	// Names of objects that are put around an answer.
	{wrap, "response resp rsp res return reply envelope root"},
	{wrap | aside, "header head meta metadata resultinfo common"},
	{wrap | data, "body responsebody"},
	// Names under which the content of an answer is found.
	{data, "data payload content contents output value"},
	{several | data, "results responses replies batch"},
	// What goes with an answer and says nothing of it: times, ids of requests, versions, links,
	// details of an error.
	{aside, "timestamp time date datetime servertime responsetime path instance type version apiversion jsonrpc requestid reqid traceid " +
		"spanid transactionid tranid txid correlationid trackingid sessionid debugid logid logref guid trace stack stacktrace extensions links " +
		"link help documentationurl moreinfo helpurl duration elapsed took headers isbase64encoded details validation violations " +
		"invalidparams fielderrors params args cause causes suppressed method xmlns schemalocation"},
	// Pages and counts of a list. They may be there although the list itself is lost.
	{aside, "page pageno pagenum pagenumber pagesize pageindex numofrows rows size limit offset total totalcount count totalpages hasmore " +
		"hasnext"},
}
