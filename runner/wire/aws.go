package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"time"
)

// An AWS key signs requests by AWS Signature Version 4.
//
//  1. Signed are the host, Content-Type, Range and every X-Amz- field, so that a
//     proxy may touch the rest.
//  2. The path is taken as sent; every service but s3 has it normalised and
//     escaped once more.
//  3. s3 also wants the body's digest in X-Amz-Content-Sha256.
type AWS struct {
	Region, Service      string
	AccessKey, SecretKey string
	SessionToken         string // of temporary credentials; empty: none
}

// awsTime is the layout of X-Amz-Date, in UTC.
const awsTime = "20060102T150405Z"

// Sign puts X-Amz-Date and Authorization, and what else the key needs, in place
// of those that the request has. host is the Host field that will be sent.
func (a *AWS) Sign(r *Request, host string, at time.Time) *Err {
	u, err := url.Parse(r.URL)
	if err != nil {
		return refuse("url: %v", err.(*url.Error).Err)
	}
	payload := hexSHA256(r.Body)
	put := func(name, value string) {
		r.Headers = slices.DeleteFunc(r.Headers, func(f Field) bool { return strings.EqualFold(f.Name, name) })
		if value != "" {
			r.Headers = append(r.Headers, Field{name, value})
		}
	}
	put("X-Amz-Date", at.UTC().Format(awsTime))
	put("X-Amz-Security-Token", a.SessionToken)
	if a.Service == "s3" { // Rule 3
		put("X-Amz-Content-Sha256", payload)
	}
	put("Authorization", a.authorization(r, u, host, payload, at))
	return nil
}

// authorization is the Authorization header of Signature Version 4: the canonical request, its
// hash in the text to sign, and a key that is derived for the day, region and service.
func (a *AWS) authorization(r *Request, u *url.URL, host, payload string, at time.Time) string {
	names, fields := awsFields(r.Headers, host)
	request := strings.Join([]string{r.Method, a.path(u), awsQuery(u.RawQuery), fields, names, payload}, "\n")
	day := at.UTC().Format("20060102")
	scope := strings.Join([]string{day, a.Region, a.Service, "aws4_request"}, "/")
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at.UTC().Format(awsTime), scope, hexSHA256([]byte(request))}, "\n")
	key := []byte("AWS4" + a.SecretKey)
	for _, part := range []string{day, a.Region, a.Service, "aws4_request", text} {
		key = hmacSHA256(key, part)
	}
	return "AWS4-HMAC-SHA256 Credential=" + a.AccessKey + "/" + scope + ", SignedHeaders=" + names + ", Signature=" + hex.EncodeToString(key)
}

// awsFields are the signed fields (rule 1): their names, and a line for each.
func awsFields(headers []Field, host string) (names, lines string) {
	values := map[string][]string{"host": {host}}
	order := []string{"host"}
	for _, f := range headers {
		name := strings.ToLower(f.Name)
		if name != "content-type" && name != "range" && !strings.HasPrefix(name, "x-amz-") {
			continue
		}
		if values[name] == nil {
			order = append(order, name)
		}
		values[name] = append(values[name], strings.Join(strings.Fields(f.Value), " "))
	}
	slices.Sort(order)
	var b strings.Builder
	for _, name := range order {
		b.WriteString(name + ":" + strings.Join(values[name], ",") + "\n")
	}
	return strings.Join(order, ";"), b.String()
}

// path is the canonical path (rule 2).
func (a *AWS) path(u *url.URL) string {
	sent := u.EscapedPath()
	if sent == "" {
		sent = "/"
	}
	if a.Service == "s3" {
		return sent
	}
	var out []string
	for segment := range strings.SplitSeq(sent, "/") {
		switch segment {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, awsEscape(segment, false))
		}
	}
	path := "/" + strings.Join(out, "/")
	if strings.HasSuffix(sent, "/") && len(out) > 0 {
		path += "/"
	}
	return path
}

// awsQuery is the canonical query: decoded, escaped in one way, sorted.
func awsQuery(raw string) string {
	var out []string
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, awsEscape(name, true)+"="+awsEscape(value, true))
	}
	slices.SortFunc(out, func(a, b string) int { // by name, then value: = sorts after digits
		nameA, valueA, _ := strings.Cut(a, "=")
		nameB, valueB, _ := strings.Cut(b, "=")
		if c := strings.Compare(nameA, nameB); c != 0 {
			return c
		}
		return strings.Compare(valueA, valueB)
	})
	return strings.Join(out, "&")
}

// awsEscape escapes all but RFC 3986's unreserved characters; decode takes away
// the escapes that a query has already.
func awsEscape(s string, decode bool) string {
	if decode {
		if plain, err := url.QueryUnescape(s); err == nil {
			s = plain
		}
	}
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// hexSHA256 is the digest as the canonical request has it: in lower-case hex.
func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// hmacSHA256 is one step of the chain that derives the signing key.
func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
