package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// writeRights are the permissions to write objects, by scheme.
var writeRights = map[string]string{
	"file":   "write for its user",
	"s3":     "s3:PutObject",
	"gs":     "the role Storage Object User", // Storage Object Creator may not replace one
	"azblob": "the role Storage Blob Data Contributor, or an account key or SAS that may write",
}

// Split cuts the URL of an object into the URL of its folder, for [Open], and its
// name, which is empty if the URL ends in a slash.
func Split(rawURL string) (folder, name string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return "", "", fmt.Errorf("bucket URL is not valid: %s", urlForms) // the parser's own text quotes it
	}
	dir, name := path.Split(u.Path)
	u.Path, u.RawPath = dir, ""
	return u.String(), name, nil
}

// Replace writes the object at a URL. Whoever reads it has the old one or the new one,
// whole.
func Replace(ctx context.Context, rawURL string, data []byte, contentType string) (err error) {
	folder, name, err := Split(rawURL)
	if err != nil {
		return err
	}
	b, err := Open(ctx, folder, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if name == "" {
		return fmt.Errorf("%s: it names no object: put its name at the end", b.name)
	}
	return b.upload(ctx, name, bytes.NewReader(data), &blob.WriterOptions{ContentType: contentType})
}

// Create writes a new object. An existing one is not overwritten. If it fails, there
// is no new object.
func (b *Bucket) Create(ctx context.Context, name string, from io.Reader) error {
	return b.upload(ctx, name, from, &blob.WriterOptions{ContentType: "application/octet-stream", DisableContentTypeDetection: true, IfNotExist: true})
}

func (b *Bucket) upload(ctx context.Context, name string, from io.Reader, o *blob.WriterOptions) error {
	err := b.blob.Upload(ctx, name, from, o)
	if err == nil {
		return nil
	}
	step := fmt.Sprintf("write %q", name)
	switch codeOf(err) {
	case gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return fmt.Errorf("%s: %s: it exists, and is not overwritten", b.name, step)
	case gcerrors.PermissionDenied:
		scheme, _, _ := strings.Cut(b.name, ":")
		return fmt.Errorf("%s: %s: not allowed: the credentials must be able to write objects (%s): %w", b.name, step, writeRights[scheme], readable(err))
	}
	return b.explain(step, err)
}

// Get copies an object as it is stored. The error for one that is not there is an
// [fs.ErrNotExist].
func (b *Bucket) Get(ctx context.Context, name string, to io.Writer) error {
	err := b.blob.Download(ctx, name, to, nil)
	switch {
	case err == nil:
		return nil
	case codeOf(err) == gcerrors.NotFound:
		return &reworded{fs.ErrNotExist, fmt.Sprintf("%s: there is no %q: the name, or the bucket's, is wrong", b.name, name)}
	}
	return b.explain(fmt.Sprintf("read %q", name), err)
}
