package resources

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/bgverify/bgverify/internal/hint"
)

// A signer signs requests with AWS Signature Version 4, as Amazon Managed Service for
// Prometheus asks for. Credentials come from the environment, as those of the AWS CLI do.
type signer struct {
	next   http.RoundTripper
	from   aws.CredentialsProvider
	region string
}

// service is the name of Amazon Managed Service for Prometheus in signatures.
const service = "aps"

// newSigner takes the region from the env file, else from the workspace's URL, else from the environment.
// Nothing is sent.
func newSigner(next http.RoundTripper, base, region string) (*signer, error) {
	loaded, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	s := &signer{next: next, from: loaded.Credentials, region: region}
	if u, err := url.Parse(base); err == nil && s.region == "" {
		if rest, ok := strings.CutPrefix(u.Hostname(), "aps-workspaces."); ok { // aps-workspaces.ap-northeast-2.amazonaws.com
			s.region, _, _ = strings.Cut(rest, ".")
		}
	}
	if s.region == "" {
		s.region = loaded.Region
	}
	if s.region == "" {
		return nil, hint.Errorf("write region: ap-northeast-2 next to auth: sigv4, or set AWS_REGION", "the AWS region is not known")
	}
	return s, nil
}

// RoundTrip signs a request without a body and sends it.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	credentials, err := s.from.Retrieve(r.Context())
	if err != nil {
		return nil, fmt.Errorf("AWS credentials: %w", err)
	}
	r = r.Clone(r.Context())
	empty := sha256.Sum256(nil)
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, r, hex.EncodeToString(empty[:]), service, s.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign the request: %w", err)
	}
	return s.next.RoundTrip(r)
}
