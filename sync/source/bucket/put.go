package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// writing are the permissions to write objects, as rights are those of a reader.
var writing = map[string]string{
	"file":   "write for its user",
	"s3":     "s3:PutObject",
	"gs":     "the role Storage Object User",
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

// Put writes an object: readers have the old one or the new one, whole. The URL is that
// of a bucket, with the object's name at the end of its path.
func Put(ctx context.Context, rawURL string, data []byte, contentType string) (err error) {
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
	return b.unwritten(name, b.blob.WriteAll(ctx, name, data, &blob.WriterOptions{ContentType: contentType}))
}

// Create writes a new object. An existing one is not overwritten. If it fails, there
// is no new object.
func (b *Bucket) Create(ctx context.Context, name string, from io.Reader) error {
	o := &blob.WriterOptions{ContentType: "application/octet-stream", DisableContentTypeDetection: true, IfNotExist: true}
	return b.unwritten(name, b.blob.Upload(ctx, name, from, o))
}

// unwritten says what to do about an error of writing.
func (b *Bucket) unwritten(name string, err error) error {
	if err == nil {
		return nil
	}
	switch codeOf(err) {
	case gcerrors.FailedPrecondition, gcerrors.AlreadyExists:
		return fmt.Errorf("%s: write %q: it exists, and is not overwritten", b.name, name)
	case gcerrors.PermissionDenied:
		scheme, _, _ := strings.Cut(b.name, ":")
		return fmt.Errorf("%s: write %q: not allowed: the job's credentials need %s: %w", b.name, name, writing[scheme], readable(err))
	}
	return b.explain(fmt.Sprintf("write %q", name), err)
}

// Get copies an object as it is stored.
func (b *Bucket) Get(ctx context.Context, name string, to io.Writer) error {
	if err := b.blob.Download(ctx, name, to, nil); err != nil {
		return b.explain(fmt.Sprintf("read %q", name), err)
	}
	return nil
}
