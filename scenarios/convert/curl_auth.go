package convert

import (
	"slices"
	"strings"
)

// credentials reads -u, --oauth2-bearer and the schemes.
func (c *curlImport) credentials(r *webRequest, cr *curlRequest) {
	asked := slices.Clone(cr.schemes)
	if cr.sigv4 != nil {
		asked = append(asked, "--aws-sigv4 "+cr.sigv4.text)
	}
	if len(asked) > 0 {
		auth, why := c.scheme(r, cr)
		if why != "" {
			text := strings.Join(asked, " ")
			c.lose(r, Lost{Kind: Auths, Place: "authentication", Text: text, Why: why})
			r.skip = append(r.skip, readable(text)+": "+why)
			return
		}
		c.report.Mapped(Auths, 1)
		r.auth = auth
		return
	}
	if cr.bearer != nil {
		c.report.Mapped(Auths, 1)
		r.auth = &Auth{Kind: Bearer, Token: c.secret(r, "TOKEN", cr.bearer.text, "the bearer token")}
		return
	}
	if cr.user == nil {
		return
	}
	c.report.Mapped(Auths, 1)
	user, password, ok := cutOutside(cr.user.text, ":")
	if !ok { // curl asks for it
		password = marked("env." + c.envs.Take("PASSWORD"))
	}
	if !headerText(user) {
		c.lose(r, Lost{Kind: Auths, Place: "user", Why: "it has bytes that no user may have"})
		return
	}
	r.auth = &Auth{Kind: Basic, User: user, Password: c.secret(r, "PASSWORD", password, "the password of -u")}
}

// scheme reads --digest and --aws-sigv4. Where the language has no counterpart,
// or the command does not say enough, why says so.
func (c *curlImport) scheme(r *webRequest, cr *curlRequest) (auth *Auth, why string) {
	isDigest := len(cr.schemes) == 1 && cr.schemes[0] == "--digest"
	switch {
	case slices.ContainsFunc(cr.schemes, func(s string) bool { return s != "--digest" }):
		return nil, whyScheme
	case cr.bearer != nil, isDigest && cr.sigv4 != nil:
		return nil, "curl would choose one by what the server offers"
	}
	user, password, why := c.login(r, cr)
	switch {
	case why != "":
		return nil, why
	case isDigest:
		return &Auth{Kind: Digest, User: user, Password: c.secret(r, "PASSWORD", password, "the password of --digest")}, ""
	}
	return c.aws(r, cr, user, password)
}

// login is the user and password of -u or of the address.
func (c *curlImport) login(r *webRequest, cr *curlRequest) (user, password, why string) {
	var text string
	if cr.user != nil {
		text = cr.user.text
	} else if _, _, text = cutURL(r.url); text == "" {
		return "", "", "the command does not say who signs in: write -u USER:PASSWORD"
	}
	user, password, ok := cutOutside(text, ":")
	switch {
	case !ok && hasMark(text):
		return "", "", "user and password are one variable: write -u \"$USER:$PASSWORD\""
	case !ok: // curl asks for it
		password = marked("env." + c.envs.Take("PASSWORD"))
	}
	if cr.user == nil {
		user, password = literals(user, percentDecoded), literals(password, percentDecoded)
	}
	if user == "" || !headerText(user) || strings.Count(user, mark)%2 != 0 {
		return "", "", "that is no user"
	}
	return user, password, ""
}

// aws reads --aws-sigv4 by curl's rules: what stands behind the providers, else
// the first labels of the host, are region and service.
func (c *curlImport) aws(r *webRequest, cr *curlRequest, user, password string) (auth *Auth, why string) {
	words := append(splitOutside(cr.sigv4.text, ":"), "", "", "", "")
	if !strings.EqualFold(words[0], "aws") || !strings.EqualFold(words[1], "amz") {
		return nil, "of its signatures only those of aws:amz are part of the language"
	}
	auth = &Auth{Kind: AWS, Region: words[2], Service: words[3]}
	if auth.Region == "" || auth.Service == "" {
		origin, _, _ := cutURL(r.url)
		_, host, _ := cutOutside(origin, "://")
		host, _, _ = cutOutside(host, ":")
		labels := strings.Split(host, ".")
		if hasMark(origin) || len(labels) < 3 {
			return nil, "neither it nor the host names region and service: write aws:amz:REGION:SERVICE"
		}
		auth.Service, auth.Region = orElse(auth.Service, labels[0]), orElse(auth.Region, labels[1])
		c.report.Note(r.id, "region %s and service %s of its signature are read from the address, as curl does", readable(auth.Region), readable(auth.Service))
	}
	if !headerText(auth.Region) || !headerText(auth.Service) {
		return nil, "that is no region or service"
	}
	password, token, _ := cutOutside(password, ":")
	// curl is given the token of temporary credentials as a header, or behind the key.
	if value, has := r.header("X-Amz-Security-Token"); has {
		token = orElse(value, token)
		r.headers = slices.DeleteFunc(r.headers, func(f Field) bool { return strings.EqualFold(f.Name, "X-Amz-Security-Token") })
		c.report.Mapped(Headers, 1)
	}
	auth.AccessKey = c.secret(r, "AWS_ACCESS_KEY_ID", user, "the access key of --aws-sigv4")
	auth.SecretKey = c.secret(r, "AWS_SECRET_ACCESS_KEY", password, "the secret key of --aws-sigv4")
	auth.SessionToken = c.secret(r, "AWS_SESSION_TOKEN", token, "the session token of --aws-sigv4")
	return auth, ""
}
