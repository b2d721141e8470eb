package curl

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bgverify/bgverify/scenarios/convert/internal/model"
	"github.com/bgverify/bgverify/scenarios/convert/internal/web"
)

// credentials reads -u, --oauth2-bearer and the schemes.
func (c *curlImport) credentials(r *web.Request, cr *curlRequest) {
	asked := slices.Clone(cr.schemes)
	if cr.sigv4 != nil {
		asked = append(asked, "--aws-sigv4 "+cr.sigv4.text)
	}
	// A scheme other than Basic is a kind of its own in the language, or cannot be written.
	if len(asked) > 0 {
		auth, why := c.scheme(r, cr)
		if why != "" {
			text := strings.Join(asked, " ")
			c.Lose(r, model.Lost{Kind: model.Auths, Place: "authentication", Text: text, Why: why})
			r.Skip = append(r.Skip, web.Readable(text)+": "+why)
			return
		}
		c.Report.Mapped(model.Auths, 1)
		r.Auth = auth
		return
	}
	if cr.bearer != nil {
		c.Report.Mapped(model.Auths, 1)
		r.Auth = &model.Auth{Kind: model.Bearer, Token: c.Secret(r, "TOKEN", cr.bearer.text, "the bearer token")}
		return
	}
	if cr.user == nil {
		return
	}
	c.Report.Mapped(model.Auths, 1)
	user, password, ok := web.CutOutside(cr.user.text, ":")
	if !ok { // curl asks for it
		password = web.Marked("env." + c.Envs.Take("PASSWORD"))
	}
	if !web.HeaderText(user) {
		c.Lose(r, model.Lost{Kind: model.Auths, Place: "user", Why: "it has bytes that no user may have"})
		return
	}
	r.Auth = &model.Auth{Kind: model.Basic, User: user, Password: c.Secret(r, "PASSWORD", password, "the password of -u")}
}

// scheme reads --digest and --aws-sigv4. Where the language has no counterpart,
// or the command does not say enough, why says so.
func (c *curlImport) scheme(r *web.Request, cr *curlRequest) (auth *model.Auth, why string) {
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
		return &model.Auth{Kind: model.Digest, User: user, Password: c.Secret(r, "PASSWORD", password, "the password of --digest")}, ""
	}
	return c.aws(r, cr, user, password)
}

// login is the user and password of -u or of the address.
func (c *curlImport) login(r *web.Request, cr *curlRequest) (user, password, why string) {
	var text string
	if cr.user != nil {
		text = cr.user.text
	} else if _, _, text = web.CutURL(r.URL); text == "" {
		return "", "", "the command does not say who signs in: write -u USER:PASSWORD"
	}
	user, password, ok := web.CutOutside(text, ":")
	switch {
	case !ok && web.HasMark(text):
		return "", "", "user and password are one variable: write -u \"$USER:$PASSWORD\""
	case !ok: // curl asks for it
		password = web.Marked("env." + c.Envs.Take("PASSWORD"))
	}
	if cr.user == nil {
		user, password = web.Literals(user, web.PercentDecoded), web.Literals(password, web.PercentDecoded)
	}
	if user == "" || !web.HeaderText(user) || strings.Count(user, web.Mark)%2 != 0 {
		return "", "", "that is not a user"
	}
	return user, password, ""
}

// aws reads --aws-sigv4 by curl's rules: what follows the providers, else
// the first labels of the host, are region and service.
func (c *curlImport) aws(r *web.Request, cr *curlRequest, user, password string) (auth *model.Auth, why string) {
	// Missing words are empty: aws:amz:REGION:SERVICE.
	words := append(web.SplitOutside(cr.sigv4.text, ":"), "", "", "", "")
	if !strings.EqualFold(words[0], "aws") || !strings.EqualFold(words[1], "amz") {
		return nil, "of its signatures only those of aws:amz are part of the language"
	}
	auth = &model.Auth{Kind: model.AWS, Region: words[2], Service: words[3]}
	if auth.Region == "" || auth.Service == "" {
		origin, _, _ := web.CutURL(r.URL)
		_, host, _ := web.CutOutside(origin, "://")
		host, _, _ = web.CutOutside(host, ":")
		labels := strings.Split(host, ".")
		if web.HasMark(origin) || len(labels) < 3 {
			return nil, "neither it nor the host names region and service: write aws:amz:REGION:SERVICE"
		}
		auth.Service, auth.Region = cmp.Or(auth.Service, labels[0]), cmp.Or(auth.Region, labels[1])
		c.Report.Note(r.ID, "region %s and service %s of its signature are read from the address, as curl does", web.Readable(auth.Region),
			web.Readable(auth.Service))
	}
	if !web.HeaderText(auth.Region) || !web.HeaderText(auth.Service) {
		return nil, "that is not a region or service"
	}
	password, token, _ := web.CutOutside(password, ":")
	// curl receives the token of temporary credentials as a header, or after the key.
	if value, has := r.Header("X-Amz-Security-Token"); has {
		token = cmp.Or(value, token)
		r.Headers = slices.DeleteFunc(r.Headers, func(f model.Field) bool { return strings.EqualFold(f.Name, "X-Amz-Security-Token") })
		c.Report.Mapped(model.Headers, 1)
	}
	auth.AccessKey = c.Secret(r, "AWS_ACCESS_KEY_ID", user, "the access key of --aws-sigv4")
	auth.SecretKey = c.Secret(r, "AWS_SECRET_ACCESS_KEY", password, "the secret key of --aws-sigv4")
	auth.SessionToken = c.Secret(r, "AWS_SESSION_TOKEN", token, "the session token of --aws-sigv4")
	return auth, ""
}
