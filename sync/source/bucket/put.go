package bucket

import (
	"context"
	"fmt"
	"io"
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
	"gs":     "the role Storage Object Creator",
	"azblob": "the role Storage Blob Data Contributor",
}

// Split cuts the URL of an object into the URL of its folder, for [Open], and its
// name, which is empty if the URL ends in a slash.
func Split(rawURL string) (folder, name string, err error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		return "", "", fmt.Errorf("bucket URL is not valid: %s", urlForms)
	}
	dir, name := path.Split(u.Path)
	u.Path, u.RawPath = dir, ""
	return u.String(), name, nil
}

// Put writes a new object. An existing one is not overwritten. If it fails, there
// is no new object.
func (b *Bucket) Put(ctx context.Context, name string, from io.Reader) error {
	o := &blob.WriterOptions{ContentType: "application/octet-stream", DisableContentTypeDetection: true, IfNotExist: true}
	if err := b.blob.Upload(ctx, name, from, o); err != nil {
		return b.unwritten(name, err)
	}
	return nil
}

func (b *Bucket) unwritten(name string, err error) error {
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

// Get copies an object as it is stored.
func (b *Bucket) Get(ctx context.Context, name string, to io.Writer) error {
	if err := b.blob.Download(ctx, name, to, nil); err != nil {
		return b.explain(fmt.Sprintf("read %q", name), err)
	}
	return nil
}
