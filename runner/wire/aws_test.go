package wire

import (
	"strings"
	"testing"
	"time"
)

// Examples of the AWS documentation and of its Signature Version 4 test suite.
func TestAWSVectors(t *testing.T) {
	suite := AWS{Region: "us-east-1", Service: "service", AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	iam, s3 := suite, suite
	iam.Service = "iam"
	s3.Service, s3.AccessKey, s3.SecretKey = "s3", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	then := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, tt := range []struct {
		name   string
		key    AWS
		method string
		url    string
		fields []Field
		body   string
		at     time.Time
		want   string
	}{
		{"get-vanilla", suite, "GET", "https://example.amazonaws.com/", nil, "", then, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", suite, "GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", nil, "", then, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-slash", suite, "GET", "https://example.amazonaws.com//", nil, "", then, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-relative-relative", suite, "GET", "https://example.amazonaws.com/example1/example2/../..", nil, "", then, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"post-vanilla", suite, "POST", "https://example.amazonaws.com/", nil, "", then, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"post-x-www-form-urlencoded", suite, "POST", "https://example.amazonaws.com/", []Field{{"Content-Type", "application/x-www-form-urlencoded"}}, "Param1=value1", then, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"iam ListUsers", iam, "GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", []Field{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}, "", then, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
		{"s3 GetObject", s3, "GET", "https://examplebucket.s3.amazonaws.com/test.txt", []Field{{"Range", "bytes=0-9"}}, "", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
		{"s3 GetBucketLifecycle", s3, "GET", "https://examplebucket.s3.amazonaws.com/?lifecycle", nil, "", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
		{"s3 ListObjects", s3, "GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", nil, "", time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Request{Method: tt.method, URL: tt.url, Headers: tt.fields, Body: []byte(tt.body)}
			host := strings.Split(tt.url, "/")[2]
			for range 2 { // a second signature replaces the first
				if err := tt.key.Sign(r, host, tt.at); err != nil {
					t.Fatal(err)
				}
			}
			n, value := 0, ""
			for _, f := range r.Headers {
				if f.Name == "Authorization" {
					n, value = n+1, f.Value
				}
			}
			if n != 1 || !strings.HasSuffix(value, "Signature="+tt.want) {
				t.Errorf("%d Authorization fields, %s, want signature %s", n, value, tt.want)
			}
		})
	}
}
