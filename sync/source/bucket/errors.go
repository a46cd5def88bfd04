package bucket

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"

	"github.com/impactsync/impactsync/sync/segment"
)

// rights are the permissions that the job needs, by scheme and in each cloud's words.
var rights = map[string]string{
	"file":   "read and search for its user",
	"s3":     "s3:ListBucket and s3:GetObject, and kms:Decrypt if it is encrypted",
	"gs":     "the role Storage Object Viewer",
	"azblob": "the role Storage Blob Data Reader, or an account key or SAS that is still valid",
}

// explain says what to do about an error of the driver.
func (b *Bucket) explain(step string, err error) error {
	switch codeOf(err) {
	case gcerrors.PermissionDenied:
		scheme, _, _ := strings.Cut(b.name, ":")
		return fmt.Errorf("%s: %s: not allowed: check the job's credentials; it has to list the bucket and read its objects (%s): %w",
			b.name, step, rights[scheme], readable(err))
	case gcerrors.NotFound:
		return fmt.Errorf("%s: %s: not found: check the bucket's name and its region or account: %w", b.name, step, readable(err))
	}
	return fmt.Errorf("%s: %s: %w", b.name, step, readable(err))
}

// codeOf returns the kind of a driver's error, according to the HTTP status if there
// is one: gocloud.dev takes a 403 of Google for an object that is gone, and most of
// Azure's and some of Amazon's for unknown errors.
func codeOf(err error) gcerrors.ErrorCode {
	var (
		google *googleapi.Error
		azure  *azcore.ResponseError
		amazon interface{ HTTPStatusCode() int }
		status int
	)
	switch {
	case errors.As(err, &google):
		status = google.Code
	case errors.As(err, &azure):
		status = azure.StatusCode
	case errors.As(err, &amazon):
		status = amazon.HTTPStatusCode()
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return gcerrors.PermissionDenied
	}
	return gcerrors.Code(err)
}

// reworded is an error with another text.
type reworded struct {
	error
	text string
}

func (e *reworded) Error() string { return e.text }
func (e *reworded) Unwrap() error { return e.error }

// addressQuery matches the query of a request, which may hold a signature that is
// as good as a password.
var addressQuery = regexp.MustCompile(`(https?://[^\s"?]+)\?[^\s"]*`)

// readable puts a driver's error on one line, without queries and e-mail
// addresses: a driver quotes its request with everything in it.
func readable(err error) error {
	text := err.Error()
	better := addressQuery.ReplaceAllString(oneLine(text), "$1")
	if segment.HoldsEmail(better) { // the driver names the object
		better = segment.Redact(better)
	}
	if better == text {
		return err
	}
	return &reworded{err, better}
}

// oneLine joins the lines of a text, without rulers and without the XML in which
// Azure repeats everything.
func oneLine(text string) string {
	var kept []string
	inXML := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		ruler := strings.Trim(line, "-") == ""
		inXML = !ruler && (inXML || strings.HasPrefix(line, "<?xml"))
		if !ruler && !inXML {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "; ")
}
