package remote

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bgverify/bgverify/internal/hint"
	"github.com/bgverify/bgverify/internal/lazy"
	"github.com/bgverify/bgverify/report/archive"
	"github.com/bgverify/bgverify/report/archive/history"
)

// Bounds of what a store may answer.
const (
	maxManifest = 256 << 20
	maxPages    = 10_000 // of a listing, of a thousand names each
)

var runFolder = lazy.Regexp(`^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}Z-[A-Za-z0-9._-]{1,64}$`)

// isRunFolder reports whether a name is one that the archive gives to folders.
func isRunFolder(name string) bool { return runFolder().MatchString(name) }

// Runs lists the folders below the prefix, newest first, whole or not. Their names begin with
// the time, so that their order is that of the runs. Everything else below the prefix is
// somebody else's and is passed over.
func (s *Store) Runs(ctx context.Context) ([]string, error) {
	prefix := s.at.Key("")
	var out []string
	var next *string
	for range maxPages {
		limited, cancel := s.limited(ctx, 0)
		page, err := s.api.ListObjectsV2(limited, &s3.ListObjectsV2Input{
			Bucket: &s.at.Bucket, Prefix: &prefix, Delimiter: aws.String("/"), ContinuationToken: next,
		})
		cancel()
		if err != nil {
			return nil, s.explain("list "+s.at.String(), err)
		}
		for _, p := range page.CommonPrefixes {
			if name, ok := strings.CutPrefix(strings.TrimSuffix(aws.ToString(p.Prefix), "/"), prefix); ok && isRunFolder(name) {
				out = append(out, name)
			}
		}
		if !aws.ToBool(page.IsTruncated) {
			slices.Sort(out)
			slices.Reverse(out)
			return slices.Compact(out), nil
		}
		// A store that repeats a page would be asked again and again, and a listing that ends
		// early would lack the newest runs.
		if page.NextContinuationToken == nil || next != nil && *next == *page.NextContinuationToken {
			return nil, fmt.Errorf("list %s: the store says that there is more, and not how to go on", s.at)
		}
		next = page.NextContinuationToken
	}
	return nil, fmt.Errorf("list %s: more than %d pages", s.at, maxPages)
}

// announced is the run that LATEST names, and the tag of the object, by which announce
// notices other uploads; empty: nothing was uploaded below the prefix so far. What the object
// holds is a name and a line feed. A store that has other text there is not one of ours, and
// nothing is read from it.
func (s *Store) announced(ctx context.Context) (folder string, tag *string, err error) {
	limited, cancel := s.limited(ctx, 0)
	defer cancel()
	got, err := s.api.GetObject(limited, &s3.GetObjectInput{Bucket: &s.at.Bucket, Key: aws.String(s.at.Key(latestKey))})
	if isMissing(err) && !isNoBucket(err) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, s.explain("read "+latestKey, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, 1<<10))
	if err != nil {
		return "", nil, s.explain("read "+latestKey, err)
	}
	if folder = strings.TrimSpace(string(text)); !isRunFolder(folder) {
		return "", nil, fmt.Errorf("%s does not name a run folder", latestKey)
	}
	return folder, got.ETag, nil
}

// Resolve finds the folder of a run: ref is a folder, an id, or latest. A folder that is
// named is not looked for: Fetch says what is wrong with it. For latest see rule 3. The error
// is a [hint.Error] where there is no such run, and about the store otherwise.
func (s *Store) Resolve(ctx context.Context, ref string) (string, error) {
	if isRunFolder(ref) {
		return ref, nil
	}
	list, err := s.Runs(ctx)
	if err != nil {
		return "", err
	}
	if ref != history.LatestLink {
		for _, name := range list {
			if !strings.HasSuffix(name, "-"+ref) {
				continue
			}
			if m, _, err := s.manifest(ctx, name); err != nil || m.ID == ref {
				return name, nil // reading it reports what is wrong with it
			}
		}
		return "", hint.Errorf("bgverify history --out "+s.at.String()+" lists the ids", "no run %q in %s", ref, s.at)
	}
	// The two are compared because each may be old: the listing of a cache in front of the
	// store, and LATEST where the store does not know If-Match.
	told, _, err := s.announced(ctx)
	switch {
	case err != nil:
		return "", err
	case len(list) == 0 && told == "":
		return "", hint.Errorf("archive: of the env file copies runs there", "there is no run in %s", s.at)
	case told != "" && !slices.Contains(list, told): // Rule 3
		return "", fmt.Errorf("the newest run of %s is not known: %s was announced, and the listing does not show it", s.at, told)
	}
	// The newest run may still be on its way, or its upload failed. Going on to the one before
	// would answer with its pass in place of a failure.
	if _, _, err := s.manifest(ctx, list[0]); err != nil {
		return "", fmt.Errorf("the newest run of %s cannot be read: %w", s.at, err)
	}
	return list[0], nil
}

// manifest reads the manifest of a run, and its text, whose digest is that of the run. The
// error wraps [archive.ErrIncomplete] where there is none; see rule 1. A manifest is only
// accepted in the folder of its own run: a cache that mixes up two objects is noticed here.
func (s *Store) manifest(ctx context.Context, folder string) (*archive.Manifest, []byte, error) {
	limited, cancel := s.limited(ctx, 1<<20)
	defer cancel()
	key := path.Join(folder, archive.ManifestFile)
	got, err := s.api.GetObject(limited, &s3.GetObjectInput{Bucket: &s.at.Bucket, Key: aws.String(s.at.Key(key))})
	if isMissing(err) && !isNoBucket(err) {
		return nil, nil, fmt.Errorf("%w in the store: %s has no %s", archive.ErrIncomplete, s.Address(folder), archive.ManifestFile)
	}
	if err != nil {
		return nil, nil, s.explain("read "+key, err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, maxManifest+1))
	if err != nil {
		return nil, nil, s.explain("read "+key, err)
	}
	if len(text) > maxManifest {
		return nil, nil, fmt.Errorf("read %s: larger than %d bytes", key, maxManifest)
	}
	m, err := archive.ParseManifest(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", key, err)
	}
	if !strings.HasSuffix(folder, "-"+m.ID) {
		return nil, nil, fmt.Errorf("read %s: it is the manifest of run %s", key, m.ID)
	}
	return m, text, nil
}

// Fetch writes a run folder below a folder of this machine, and returns its path. Every
// file has the digest of the manifest; whoever relies on the run verifies the folder, which
// also holds run.json, manifest and log against each other. After an error the folder is
// there in part, without a manifest; the caller removes it.
func (s *Store) Fetch(ctx context.Context, folder, below string) (string, error) {
	return s.fetch(ctx, folder, below, func(string) bool { return true })
}

// FetchHeads writes manifest and run.json of the newest runs, at most so many (0: all):
// enough for their lines of the history. It returns what is wrong with the runs that are
// not whole or not readable; their folders are not there then.
func (s *Store) FetchHeads(ctx context.Context, below string, most int) (unread []error, err error) {
	all, err := s.Runs(ctx)
	if err != nil {
		return nil, err
	}
	list := all
	if most > 0 {
		list = all[:min(most, len(all))]
	}
	for _, folder := range list {
		_, err := s.fetch(ctx, folder, below, func(name string) bool { return name == archive.RunFile })
		if ctx.Err() != nil {
			return unread, err
		}
		if err != nil {
			unread = append(unread, err)
			if err := os.RemoveAll(filepath.Join(below, folder)); err != nil {
				return unread, err
			}
		}
	}
	switch told, _, err := s.announced(ctx); {
	case err != nil:
		unread = append(unread, err)
	case told != "" && !slices.Contains(all, told):
		unread = append(unread, fmt.Errorf("%s was announced, and the listing does not show it", s.Address(told)))
	}
	return unread, nil
}

func (s *Store) fetch(ctx context.Context, folder, below string, want func(name string) bool) (string, error) {
	m, text, err := s.manifest(ctx, folder)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(below, folder)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	for _, f := range m.Files {
		// The manifest comes from outside: its paths may not lead out of the folder. The root
		// would refuse that too, and without saying which file asks for it.
		if !fs.ValidPath(f.Path) || !filepath.IsLocal(filepath.FromSlash(f.Path)) || f.Path == archive.ManifestFile || f.Size < 0 {
			return "", fmt.Errorf("the manifest of %s names %q, which is not a file of a run folder", s.Address(folder), f.Path)
		}
		if !want(f.Path) {
			continue
		}
		if err := s.fetchFile(ctx, root, folder, f); err != nil {
			return "", err
		}
	}
	return dir, root.WriteFile(archive.ManifestFile, text, 0o600)
}

// fetchFile writes one file of a run folder.
func (s *Store) fetchFile(ctx context.Context, root *os.Root, folder string, want archive.FileDigest) error {
	name := filepath.FromSlash(want.Path)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(s.get(ctx, path.Join(folder, want.Path), want, f), f.Close())
}

// get reads an object, which must have the size and digest of the manifest. What was written
// into before an error is worth nothing.
func (s *Store) get(ctx context.Context, key string, want archive.FileDigest, into io.Writer) error {
	limited, cancel := s.limited(ctx, want.Size)
	defer cancel()
	got, err := s.api.GetObject(limited, &s3.GetObjectInput{Bucket: &s.at.Bucket, Key: aws.String(s.at.Key(key))})
	switch {
	case isMissing(err) && !isNoBucket(err):
		return fmt.Errorf("%s is in the manifest, and the store does not have it", key)
	case err != nil:
		return s.explain("read "+key, err)
	}
	defer got.Body.Close()
	sum := sha256.New()
	// One byte more than there may be shows an object that is too long.
	n, err := io.Copy(io.MultiWriter(into, sum), io.LimitReader(got.Body, want.Size+1))
	switch {
	case err != nil && errors.Is(err, io.ErrUnexpectedEOF), err == nil && n < want.Size:
		return fmt.Errorf("%s was cut off after %d of %d bytes", key, n, want.Size)
	case err != nil:
		return s.explain("read "+key, cmp.Or(limited.Err(), err))
	case n > want.Size || hex.EncodeToString(sum.Sum(nil)) != want.SHA256:
		return fmt.Errorf("%s is not what the manifest says: the store returned another content", key)
	}
	return nil
}

// isNoBucket reports whether it is the bucket that is not there.
func isNoBucket(err error) bool { return err != nil && strings.Contains(err.Error(), "NoSuchBucket") }
