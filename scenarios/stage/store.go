package stage

import (
	"errors"
	"strings"

	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/scenarios/internal/keys"
	"github.com/bgverify/bgverify/scenarios/problem"
)

// A Store is a place for run folders in an object store: a bucket, and what the keys of
// all objects begin with. The zero Store is none.
type Store struct {
	Bucket string
	// Prefix has neither a slash at its begin nor at its end; empty: the whole bucket.
	Prefix string
}

// StoreScheme begins the text of every Store.
const StoreScheme = "s3://"

// String is the store as it is written: s3://bucket/prefix.
func (s Store) String() string {
	if s.Prefix == "" {
		return StoreScheme + s.Bucket
	}
	return StoreScheme + s.Bucket + "/" + s.Prefix
}

// Key is the key of an object of the store.
func (s Store) Key(name string) string {
	if s.Prefix == "" {
		return name
	}
	return s.Prefix + "/" + name
}

var (
	bucketName = lazy.Regexp(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	keyPart    = lazy.Regexp(`^[A-Za-z0-9_=.-]+$`)
)

// ParseStore reads s3://bucket/prefix.
func ParseStore(text string) (Store, error) {
	rest, ok := strings.CutPrefix(text, StoreScheme)
	if !ok {
		return Store{}, errors.New("not an address of an object store")
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	switch {
	case !bucketName().MatchString(bucket):
		return Store{}, errors.New("the bucket's name must be 3 to 63 lower-case letters, digits, dots and hyphens")
	case len(prefix) > 512:
		return Store{}, errors.New("the prefix is longer than 512 characters")
	case prefix == "":
		return Store{Bucket: bucket}, nil
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if !keyPart().MatchString(part) || strings.Trim(part, ".") == "" {
			return Store{}, errors.New("a prefix is made of letters, digits, _, =, . and -, with one slash between its parts")
		}
	}
	return Store{bucket, prefix}, nil
}

// ReadStore reads archive: where finished run folders are copied to.
func ReadStore(o *keys.Mapping) Store {
	text := o.Text("archive")
	if text == "" {
		return Store{}
	}
	s, err := ParseStore(text)
	if err != nil {
		o.Fail(o.At("archive"), "archive: s3://bucket/prefix", "archive: %q: %v", problem.Cut(text, 60), err)
	}
	return s
}
