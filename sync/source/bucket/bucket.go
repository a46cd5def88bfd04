package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"gocloud.dev/blob"
)

// Bucket holds the objects under one URL. It is safe for concurrent use.
type Bucket struct {
	name string
	blob *blob.Bucket
	dir  string // of file://, else empty

	options  Options
	fetching sync.Map // of *fetched, by key
}

// Options are settings that are not in the URL.
type Options struct {
	// FollowLinks allows files of file:// to be links that lead out of the folder.
	FollowLinks bool
}

const urlForms = "want file:///folder/, s3://bucket/folder/?region=..., gs://bucket/folder/ or azblob://container/folder/"

// Open opens the bucket of a URL of gocloud.dev/blob
// (https://gocloud.dev/howto/blob/). The URL's path is the folder to read, even for
// the schemes for which gocloud.dev itself knows only the parameter prefix, which
// works as well. Names of objects are relative to that folder.
//
// For file://, Open checks that the folder exists; for the others it makes
// no request, so a wrong name or missing permission shows in
// [Bucket.Objects]. No error holds credentials or parameters of the URL.
func Open(ctx context.Context, rawURL string, o Options) (*Bucket, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" {
		// The parser's own text quotes the URL, and so its secrets.
		return nil, fmt.Errorf("bucket URL is not valid: %s", urlForms)
	}
	b := &Bucket{name: redact(u), options: o}
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return nil, fmt.Errorf("%s: unknown scheme %q: %s", b.name, u.Scheme, urlForms)
	}
	if u.Scheme == "file" {
		err = b.toFolder(u)
	} else {
		err = b.toPrefix(u)
	}
	if err != nil {
		return nil, err
	}
	if b.blob, err = openURL(ctx, u); err != nil {
		return nil, fmt.Errorf("%s: open the bucket: %s", b.name, scrub(err.Error(), u))
	}
	return b, nil
}

// URL returns the bucket's address without credentials and parameters.
func (b *Bucket) URL() string { return b.name }

// Close closes the bucket.
func (b *Bucket) Close() error { return b.blob.Close() }

// toFolder checks a file:// URL and finds its folder.
func (b *Bucket) toFolder(u *url.URL) error {
	query := u.Query()
	for name := range query {
		if name != "metadata" {
			return fmt.Errorf("%s: a file:// URL takes no parameter %q", b.name, name)
		}
	}
	// Otherwise a sidecar file would be expected beside every file.
	query.Set("metadata", "skip")
	u.RawQuery = query.Encode()

	dir := u.Path
	switch u.Host {
	case "", "localhost":
	case ".":
		dir = strings.TrimPrefix(dir, "/")
	default:
		return fmt.Errorf("%s: %q is where a host would be: write file:///%[2]s%[3]s, or file://./%[2]s%[3]s for a path from the working directory",
			b.name, u.Host, u.Path)
	}
	info, err := os.Stat(filepath.FromSlash(dir))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return &reworded{fs.ErrNotExist, fmt.Sprintf("%s: there is no folder %q: create it, mount it, or correct the source's url", b.name, dir)}
	case err != nil:
		return fmt.Errorf("%s: look for the folder: %w", b.name, err)
	case !info.IsDir():
		return fmt.Errorf("%s: %q is a file: set the url to its folder", b.name, dir)
	}
	// A listing does not follow links, and mounted folders often are links.
	if b.dir, err = filepath.EvalSymlinks(filepath.FromSlash(dir)); err != nil {
		return fmt.Errorf("%s: look for the folder: %w", b.name, err)
	}
	return nil
}

// toPrefix makes the URL's path the prefix that gocloud.dev wants.
func (b *Bucket) toPrefix(u *url.URL) error {
	folder := strings.Trim(u.Path, "/")
	if folder == "" {
		return nil
	}
	query := u.Query()
	if query.Has("prefix") {
		return fmt.Errorf("%s: it has both a path and the parameter prefix: keep one", b.name)
	}
	query.Set("prefix", folder+"/")
	u.Path, u.RawPath, u.RawQuery = "", "", query.Encode()
	return nil
}

func redact(u *url.URL) string {
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return clean.String()
}

// scrub removes the URL's parameters and credentials from a driver's text.
func scrub(text string, u *url.URL) string {
	var secrets []string
	if u.RawQuery != "" {
		secrets = append(secrets, "?"+u.RawQuery)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, u.User.String()+"@", password)
	}
	for _, values := range u.Query() {
		for _, v := range values {
			secrets = append(secrets, v, url.QueryEscape(v))
		}
	}
	for _, secret := range secrets {
		if len(secret) > 3 { // shorter ones are no secrets, and may be parts of words
			text = strings.ReplaceAll(text, secret, "...")
		}
	}
	return text
}
