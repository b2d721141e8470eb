package remote

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/bgverify/bgverify/report/archive"
)

// atOnce is how many objects are on their way at the same time.
const atOnce = 4

// Upload copies a finished run folder. The folder stays as it is. After an error the
// folder in the store is not whole, and Upload can be called again: it asks for every file,
// and those that are there are read back in place of being written. The files are those of the
// manifest; what else is in the folder is not copied.
func (s *Store) Upload(ctx context.Context, dir string) error {
	folder, err := archive.Open(dir)
	if err != nil {
		return err
	}
	m, _, err := folder.Manifest()
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	// Names order the runs of a store, and tell which of them an id means.
	name := filepath.Base(filepath.Clean(dir))
	if !isRunFolder(name) || !strings.HasSuffix(name, "-"+m.ID) {
		return fmt.Errorf("%s is not named like the folder of run %s", name, m.ID)
	}
	if err := s.announce(ctx, name); err != nil { // Rule 3
		return err
	}
	if err := s.putAll(ctx, root, name, m.Files); err != nil {
		return err
	}
	// Rule 1: only now is the run in the store.
	f, err := root.Open(archive.ManifestFile)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	return s.put(ctx, f, name, archive.FileDigest{Path: archive.ManifestFile, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
}

// putAll copies files, several at once; the first error ends it.
func (s *Store) putAll(ctx context.Context, root *os.Root, folder string, files []archive.FileDigest) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	busy := make(chan struct{}, atOnce)
	var work sync.WaitGroup
	for _, want := range files {
		busy <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		work.Go(func() {
			defer func() { <-busy }()
			f, err := root.Open(filepath.FromSlash(want.Path))
			if err == nil {
				err = errors.Join(s.put(ctx, f, folder, want), f.Close())
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// put copies one file, whose content must be what the manifest says. It is read twice: the
// digest is sent before the content, and the store refuses a content of another one.
func (s *Store) put(ctx context.Context, f *os.File, folder string, want archive.FileDigest) error {
	key := path.Join(folder, want.Path)
	sum := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if n, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("read %s: %w", want.Path, err)
	} else if n != want.Size || hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return fmt.Errorf("%s is not what the manifest says: the folder was changed", want.Path)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	limited, cancel := s.limited(ctx, want.Size)
	defer cancel()
	_, err := s.api.PutObject(limited, &s3.PutObjectInput{
		Bucket: &s.at.Bucket, Key: aws.String(s.at.Key(key)), Body: f, ContentLength: &want.Size,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum.Sum(nil))),
		ContentType:    aws.String(contentType(want.Path)),
		IfNoneMatch:    aws.String("*"), // Rule 2
	})
	switch {
	case err == nil:
		return nil
	case !isConflict(err):
		return s.explain("write "+key, err)
	}
	// It is there: from an upload that failed later, or because the answer to the first
	// attempt was lost and the SDK tried again.
	if err := s.get(ctx, key, want, io.Discard); err != nil {
		return fmt.Errorf("%s is in the store already, with another content: %w", key, err)
	}
	return nil
}

// announce makes LATEST name a run, unless it names a newer one. Uploads of several machines
// may do so at the same time: each write has the tag of what was read as its condition, so
// that the name never goes back to an older run.
func (s *Store) announce(ctx context.Context, folder string) error {
	for range 3 {
		now, tag, err := s.announced(ctx)
		if err != nil {
			return err
		}
		if now >= folder {
			return nil
		}
		in := &s3.PutObjectInput{Bucket: &s.at.Bucket, Key: aws.String(s.at.Key(latestKey)), Body: strings.NewReader(folder + "\n")}
		if in.IfMatch = tag; tag == nil {
			in.IfNoneMatch = aws.String("*")
		}
		limited, cancel := s.limited(ctx, 0)
		_, err = s.api.PutObject(limited, in)
		cancel()
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return s.explain("write "+latestKey, err)
		}
	}
	return fmt.Errorf("write %s: other uploads were faster, three times", latestKey)
}

// contentType lets a browser show a report that it is given the address of.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".json":
		return "application/json"
	case ".md", ".txt", ".yaml", ".ndjson":
		return "text/plain; charset=utf-8"
	case ".xml":
		return "application/xml"
	}
	return "application/octet-stream"
}
