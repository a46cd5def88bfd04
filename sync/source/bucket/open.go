package bucket

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"cloud.google.com/go/storage"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/fileblob"  // file://
	"gocloud.dev/blob/gcsblob"     // gs://
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"
)

// googleTries is how often one request to Google is tried, within some 15 s.
const googleTries = 5

// openURL opens a bucket with the cloud's usual credentials.
func openURL(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	mux := blob.DefaultURLMux()
	switch u.Scheme {
	case s3blob.Scheme:
		mux = new(blob.URLMux)
		mux.RegisterBucket(s3blob.Scheme, amazon{})
	case gcsblob.Scheme:
		var err error
		if mux, err = google(ctx, u.Query(), mux); err != nil {
			return nil, err
		}
	case "azblob":
		if !hasAccount(u.Query()) {
			return nil, errors.New("no storage account is named: set AZURE_STORAGE_ACCOUNT, or add ?storage_account=NAME to the url")
		}
	}
	b, err := mux.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var client *storage.Client
	if b.As(&client) {
		// By default it retries for ever, and a run would never end.
		client.SetRetry(storage.WithMaxAttempts(googleTries))
	}
	return b, nil
}

// amazon opens s3:// with a client that does not write a line to stderr, past our log,
// for each object that was stored without a checksum.
type amazon struct{}

func (amazon) OpenBucketURL(ctx context.Context, u *url.URL) (*blob.Bucket, error) {
	opener := new(s3blob.URLOpener)
	b, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var loud *s3.Client
	if !b.As(&loud) {
		return b, nil
	}
	quiet := s3.New(loud.Options(), func(o *s3.Options) { o.DisableLogOutputChecksumValidationSkipped = true })
	return s3blob.OpenBucket(ctx, quiet, u.Host, &opener.Options)
}

// google looks for credentials itself. If there are none, gocloud.dev would write a
// warning to stdout, into our results, and later complain about a private key.
func google(ctx context.Context, query url.Values, usual *blob.URLMux) (*blob.URLMux, error) {
	if os.Getenv("STORAGE_EMULATOR_HOST") != "" {
		return usual, nil
	}
	anonymous, _ := strconv.ParseBool(query.Get("anonymous"))
	if anonymous || query.Get("access_id") == "-" {
		mux := new(blob.URLMux)
		mux.RegisterBucket(gcsblob.Scheme, &gcsblob.URLOpener{Client: gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())})
		return mux, nil
	}
	if _, err := gcp.DefaultCredentials(ctx); err != nil {
		return nil, fmt.Errorf("no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS to a key file, run under a service account, or add ?anonymous=true for a public bucket: %w", err)
	}
	return usual, nil
}

// hasAccount reports whether Azure's storage account is set anywhere that gocloud.dev
// looks for it.
func hasAccount(query url.Values) bool {
	if query.Has("storage_account") {
		return true
	}
	for _, name := range []string{"AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return false
}
