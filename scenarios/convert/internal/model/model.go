// Package model is what an import makes: a Tree of suites, parts, env files and
// assets that the package write renders, and a Report of what was converted and
// what was not. The texts of a Tree are text of the scenario language, in which
// {{name}} is a placeholder; naming.Escape writes literal text.
//
// The types say less than the language can: they hold what a source may know.
// The order of every slice is the order of the source, so that equal input gives
// equal files.
package model

import (
	"slices"
	"strconv"
	"strings"

	"github.com/bgverify/bgverify/scenarios/internal/bodyschema"
)

// A Result is what an import gives.
type Result struct {
	Tree   Tree
	Report Report
	// Schemas are the schema files of Tree.Assets as they were compiled; nil: none was.
	Schemas *bodyschema.Cache
}

// A File is one file to write, below the target folder.
type File struct {
	Name string // slash path
	Data []byte
}

// A Tree is everything that an import writes, in the order of the source.
type Tree struct {
	Suites []*Suite
	Parts  []*Parts
	Envs   []*Env
	Assets []File // data files, payloads, snapshots: copied as they are
}

// A Suite is one scenario file. Keys without a value are not written.
type Suite struct {
	File    string // below the target folder: users.yaml
	Comment []string
	Name    string // a name of the language, see Name
	Doc     string
	Env     []string // environment variables the file may read
	Secrets []string
	Needs   []string // what must come from outside
	Vars    []Var
	Blue    Side
	Green   Side
	// Defaults are what every step starts from.
	Defaults Step
	Setup    []*Step
	Cases    []*Case
	Teardown []*Step
	Load     []*Load
}

// A Side is where a side lives, as far as the source says.
type Side struct {
	Comment  []string
	URL      string
	Services []Var // name and base URL
	Vars     []Var
	CA       string // file with the authorities to trust
	Insecure bool   // certificates are not checked
	HTTP     string // version to insist on
}

// Empty reports whether nothing is known of a side.
func (s Side) Empty() bool {
	return s.URL == "" && len(s.Services) == 0 && len(s.Vars) == 0 && s.CA == "" && !s.Insecure && s.HTTP == ""
}

// A Var is a named text. Literal writes it as a plain scalar, so that a number
// stays a number in a JSON body; the text must then be JSON's number, true,
// false or null.
type Var struct {
	Name    string
	Text    string
	Literal bool
	Comment string // at the end of the line
}

// A Case is a sequence of steps. A case of one step that has no name is
// written with the step's keys in place.
type Case struct {
	ID      string // a name of the language
	Name    string // for people; empty: the id
	Doc     string
	Comment []string
	Tags    []string
	Data    *Data
	Vars    []Var
	Order   string // blue-then-green, green-then-blue
	Skip    string // the reason
	Steps   []*Step
}

// A Data is the rows of a case: an asset, or written in the case.
type Data struct {
	File string  // relative to the suite's file
	Rows []*Node // without a File: an object each
	Name string  // template that names a row
}

// Effects say what an unsafe request leaves behind. Zero: not written.
type Effects string

// The effects that an import may write; it can know no other.
const (
	Unreviewed Effects = "unreviewed"
	OnlyReads  Effects = "none"
)

// A Step is one request, or the use of a part.
type Step struct {
	Name    string
	Comment []string // what was not converted, next to what it belonged to
	Use     string   // file#part, instead of a request

	Service string
	Method  string // in capitals
	URL     string // a path, or an absolute URL
	Query   []Field
	Headers []Field
	Cookies []Field
	Auth    *Auth
	Body    *Body

	Effects  Effects
	Timeout  string // 5s
	Expect   Expect
	Captures []Capture
	Continue bool
	Repeat   int     // 0: once
	Pause    string  // 200ms
	When     []Check // what variables must be for the step to be sent; none: always
}

// A Load is a load stage: cases with weights, at a rate or by users.
type Load struct {
	Name     string
	Comment  []string
	Steps    []LoadStep
	Rate     string   // 200/s; empty: Rates or Users
	Rates    []string // a ladder
	Duration string
	Users    *Users
	Writes   bool // steps with side effects are sent
}

// A LoadStep is a case of a load stage.
type LoadStep struct {
	Case   string
	Weight int // 0: 1
}

// Users are a closed loop: each walks cases one after another.
type Users struct {
	Count                 int
	Ramp, Think, Duration string // empty: not written
}

// A Field is a header, query parameter, cookie or form field. Fields of one name
// are written as a list at the place of the first.
type Field struct{ Name, Text string }

// AuthKind is the kind of authentication. Zero is invalid.
type AuthKind uint8

// The kinds of authentication.
const (
	NoAuth AuthKind = iota + 1 // auth: none
	Basic
	Bearer
	APIKeyHeader
	APIKeyQuery
	OAuth2Client
	OAuth2Password
	Digest
	AWS // Signature Version 4
)

// An Auth says how a request proves who sends it.
type Auth struct {
	Kind           AuthKind
	User, Password string // basic, digest, password grant
	Token          string // bearer
	Name, Value    string // api key
	TokenURL       string
	ClientID       string
	ClientSecret   string
	Scopes         []string

	Region, Service                    string // aws
	AccessKey, SecretKey, SessionToken string // aws; no session token: empty
}

// Credentials are the templates that prove who sends, but for those that an
// OAuth 2 server is asked with.
func (a *Auth) Credentials() []*string {
	return []*string{&a.User, &a.Password, &a.Token, &a.Value, &a.Region, &a.Service, &a.AccessKey, &a.SecretKey, &a.SessionToken}
}

// Proof is all credentials in one text, to look for names in.
func (a *Auth) Proof() string {
	var b strings.Builder
	for _, s := range a.Credentials() {
		b.WriteString(*s + "\n")
	}
	return b.String()
}

// BodyKind is the kind of a request body. Zero is invalid.
type BodyKind uint8

// The body kinds of the language.
const (
	JSONBody BodyKind = iota + 1
	FormBody
	MultipartBody
	GraphQLBody
	XMLBody
	TextBody
	FileBody
	Base64Body
)

// A Body is a request body.
type Body struct {
	Kind      BodyKind
	JSON      *Node   // json; graphql: the variables
	Text      string  // text, xml, base64; graphql: the query
	Operation string  // graphql
	Fields    []Field // form
	Parts     []Part  // multipart
	File      string  // file, relative to the suite's file
}

// A Part is one part of a multipart body: Text, or File when that is not empty.
type Part struct {
	Name, Text     string
	File, FileName string
	Type           string
}

// An Expect is what must hold on both sides.
type Expect struct {
	Status   []string // 200, 2xx
	Latency  string   // upper bound: 300ms
	Headers  []Check
	Cookies  []Check
	Body     []Check // Name is a path: $.token
	Text     []Matcher
	Schema   string // file
	Snapshot string // file
}

// Empty reports whether nothing is expected.
func (e *Expect) Empty() bool {
	return len(e.Status) == 0 && e.Latency == "" && len(e.Headers) == 0 && len(e.Cookies) == 0 && len(e.Body) == 0 && len(e.Text) == 0 &&
		e.Schema == "" && e.Snapshot == ""
}

// A Check is what a header, a cookie or the value at a path must be.
type Check struct {
	Name     string
	Matchers []Matcher
}

// A Matcher is one test: Op is a key of the language's matchers. Its operand is
// Value, List (in) or Sub (count, each, not).
type Matcher struct {
	Op    string
	Value *Node
	List  []*Node
	Sub   []Matcher
}

// A Capture reads a value of the answer for later steps: one of the places.
type Capture struct {
	Name   string
	At     string // path of a single value
	Header string
	Cookie string
	Regex  string
	Status bool
}

// Parts is a parts file: step lists by name, for use.
type Parts struct {
	File    string
	Comment []string
	Doc     string
	Lists   []PartList
}

// A PartList is one named step list.
type PartList struct {
	Name  string
	Steps []*Step
}

// An Env is an env file: what a stage adds to every suite.
type Env struct {
	File    string
	Comment []string
	Doc     string
	Blue    Side
	Green   Side
	Vars    []Var
	Env     []string
	Secrets []string
}

// NodeKind is the kind of a JSON value. Zero is invalid.
type NodeKind uint8

// The kinds of JSON value, as they are written.
const (
	ObjectNode  NodeKind = iota + 1
	ArrayNode            // elements in Items
	StringNode           // Text is a template; one whole placeholder keeps its type
	LiteralNode          // Text is a JSON number, true, false or null
)

// A Node is a JSON value with templates at its leaves, in the source's order.
type Node struct {
	Kind  NodeKind
	Keys  []string // members of an object
	Items []*Node
	Text  string
}

// String is a text node.
func String(text string) *Node { return &Node{Kind: StringNode, Text: text} }

// Literal is a JSON literal: a number, true, false or null.
func Literal(text string) *Node { return &Node{Kind: LiteralNode, Text: text} }

// Bool is true or false.
func Bool(yes bool) *Node { return Literal(strconv.FormatBool(yes)) }

// Int is a whole number.
func Int(n int64) *Node { return Literal(strconv.FormatInt(n, 10)) }

// IsScalar reports whether a value is a text or a literal.
func (n *Node) IsScalar() bool { return n.Kind == StringNode || n.Kind == LiteralNode }

// Is reports whether a value is this number, true, false or null.
func (n *Node) Is(text string) bool { return n != nil && n.Kind == LiteralNode && n.Text == text }

// AddCapture makes a step capture a value under a name, in place of what it
// captured under that name before.
func (s *Step) AddCapture(name string, c *Capture) {
	out := *c
	out.Name = name
	s.Captures = slices.DeleteFunc(s.Captures, func(o Capture) bool { return o.Name == name })
	s.Captures = append(s.Captures, out)
}

// The bounds of a JSON body that is written into the scenario file as YAML. A
// larger one is written as text, or into its own file.
const (
	InlineDepth  = 24
	InlineValues = 4000
	InlineText   = 64 << 10
	InlineKey    = 300 // bytes of a member's name
)

// AppendOnce appends those strings that the list does not hold yet.
func AppendOnce(list []string, more ...string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}
