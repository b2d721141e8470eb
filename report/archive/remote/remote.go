// Package remote copies finished run folders to an object store that speaks S3, and reads
// them back. It is the only importer of the S3 client.
//
// In come a folder that the archive has finished, or the name of a run; out go objects, or
// a folder on this machine that the archive can verify like its own. The package judges
// nothing: a gate asks the folder that [Store.Fetch] wrote. Its rules:
//
//  1. Below the prefix each file of a run folder is an object, FOLDER/run.json and so on.
//     The manifest, which has the digest of every other file, is written last: a folder
//     without one was not copied whole, and is not read.
//  2. Nothing is overwritten. An object that is there already must have the content that
//     the manifest says, so that an upload that failed can be repeated.
//  3. Before the first file, the object LATEST says which run is on its way. The newest run
//     is the newest of that and of the listing: where it is not whole, or the listing does
//     not show it, nothing is the latest run. An older pass is never given in its place.
//  4. What is read is held to the digests of the manifest while it is written, and to its
//     size before: a store can withhold a run, and cannot change one without being noticed.
//  5. Every request has a time limit.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/scenarios/stage"
)

// A Store is an object store, ready to be asked.
type Store struct {
	at  stage.Store
	api *s3.Client
	// patience is how long a request may take, apart from the time for its bytes.
	patience time.Duration
}

// latestKey is the object that names the run whose upload began last.
const latestKey = "LATEST"

// slowest is the rate that the time limit of a request is reckoned with, in bytes per
// second.
const slowest = 256 << 10

// Open reads the configuration of the SDK (AWS_PROFILE, AWS_REGION, credentials, and
// AWS_ENDPOINT_URL_S3 for stores that are not Amazon's). Nothing is sent.
func Open(ctx context.Context, at stage.Store) (*Store, error) {
	loaded, err := config.LoadDefaultConfig(ctx, config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 3, 2*time.Second })
	}))
	if err != nil {
		return nil, hint.Errorf("AWS_PROFILE, AWS_REGION and the credentials are read from the environment", "AWS configuration: %w", err)
	}
	if loaded.Region == "" {
		loaded.Region = "us-east-1"
	}
	return &Store{at: at, api: s3.NewFromConfig(loaded, func(o *s3.Options) {
		// Only Amazon's buckets have host names.
		o.UsePathStyle = o.BaseEndpoint != nil
		// Contents are checked by SHA-256; other stores do not know the SDK's own checksums.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}), patience: 30 * time.Second}, nil
}

// Address is a run of the store as it is written: s3://bucket/prefix/FOLDER.
func (s *Store) Address(folder string) string { return s.at.String() + "/" + folder }

// limited bounds a request that moves so many bytes, all attempts of the SDK included. A
// connection that hangs would otherwise hold a pipeline until somebody looks.
func (s *Store) limited(ctx context.Context, bytes int64) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, s.patience+time.Duration(bytes/slowest)*time.Second, os.ErrDeadlineExceeded)
}

// statusOf is the HTTP status that the store answered; 0: it did not answer.
func statusOf(err error) int {
	var answered interface{ HTTPStatusCode() int }
	if errors.As(err, &answered) {
		return answered.HTTPStatusCode()
	}
	return 0
}

// isMissing reports whether the store answered that it does not have the object.
func isMissing(err error) bool { return statusOf(err) == http.StatusNotFound }

// isConflict reports whether an object was there, or was written at the same time: Amazon
// answers 412 to the first and 409 to the second.
func isConflict(err error) bool {
	return statusOf(err) == http.StatusPreconditionFailed || statusOf(err) == http.StatusConflict
}

// explain says what was asked of the store and what it said, without the SDK's own words,
// which name the operation, ids of the request and every layer of the client. A store that
// answered and one that did not are distinguished: only the second is worth another try.
func (s *Store) explain(what string, err error) error {
	var said smithy.APIError
	var lost interface{ CanceledError() bool }
	switch status := statusOf(err); {
	case errors.As(err, &said) && status != 0:
		return fmt.Errorf("%s: the store answered %d %s", what, status, said.ErrorCode())
	case status != 0 && status != http.StatusOK:
		return fmt.Errorf("%s: the store answered %d", what, status)
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &lost) && lost.CanceledError():
		return fmt.Errorf("%s: the store did not answer in time", what)
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner // the last one says what happened
	}
	return fmt.Errorf("%s: %w", what, err)
}
