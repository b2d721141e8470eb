package scenarios

import "fmt"

func word(names []string, i uint8, typ string) string {
	if int(i) < len(names) && names[i] != "" {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", typ, i)
}

// String is blue or green.
func (s Side) String() string { return word([]string{Blue: "blue", Green: "green"}, uint8(s), "Side") }

// String is required or advisory.
func (g Gate) String() string {
	return word([]string{Required: "required", Advisory: "advisory"}, uint8(g), "Gate")
}

// String is the word of the file.
func (o Order) String() string {
	return word([]string{"together", "blue-then-green", "green-then-blue"}, uint8(o), "Order")
}

// String is the word of the file; undeclared where there is none.
func (s SideEffects) String() string {
	return word([]string{"undeclared", "none", "idempotent", "isolated", "compensated", "unreviewed"}, uint8(s), "SideEffects")
}

// String is the key of the body in the file.
func (k BodyKind) String() string {
	return word([]string{
		BodyJSON: "json", BodyForm: "form", BodyMultipart: "multipart", BodyGraphQL: "graphql", BodyXML: "xml",
		BodyText: "text", BodyFile: "file", BodyBase64: "base64",
	}, uint8(k), "BodyKind")
}

// String is the word of the file.
func (k AuthKind) String() string {
	return word([]string{
		AuthNone: "none", AuthBasic: "basic", AuthBearer: "bearer", AuthAPIKey: "api_key",
		AuthOAuth2Client: "oauth2 client_credentials", AuthOAuth2Password: "oauth2 password", AuthDigest: "digest", AuthHMAC: "hmac", AuthAWS: "aws",
	}, uint8(k), "AuthKind")
}
