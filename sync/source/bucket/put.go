package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// writing are the permissions that [Put] needs, as rights are those of a reader.
var writing = map[string]string{
	"file":   "write for its user",
	"s3":     "s3:PutObject",
	"gs":     "the role Storage Object User",
	"azblob": "the role Storage Blob Data Contributor, or an account key or SAS that may write",
}

// Put writes an object: readers have the old one or the new one, whole. The URL is that
// of a bucket, with the object's name at the end of its path.
func Put(ctx context.Context, rawURL string, data []byte, contentType string) (err error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return fmt.Errorf("bucket URL is not valid: %s", urlForms) // the parser's own text quotes it
	}
	folder, name := path.Split(u.Path)
	if name == "" {
		return fmt.Errorf("%s: it names no object: put its name at the end", redact(u))
	}
	scheme := u.Scheme
	u.Path, u.RawPath = folder, ""
	b, err := Open(ctx, u.String(), Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	err = b.blob.WriteAll(ctx, name, data, &blob.WriterOptions{ContentType: contentType})
	if codeOf(err) == gcerrors.PermissionDenied {
		return fmt.Errorf("%s: write %s: not allowed: the job's credentials need %s: %w", b.name, name, writing[scheme], readable(err))
	}
	if err != nil {
		return b.explain("write "+name, err)
	}
	return nil
}
