package bigquery

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"cloud.google.com/go/bigquery"
	"google.golang.org/api/googleapi"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// kinds are the kinds of errors by their reasons
// (https://cloud.google.com/bigquery/docs/error-messages).
var kinds = map[string]error{
	"accessDenied": sqlengine.ErrDenied, "forbidden": sqlengine.ErrDenied, "notFound": sqlengine.ErrNoTable, "invalidQuery": sqlengine.ErrStatement, "invalid": sqlengine.ErrStatement,
	"stopped": sqlengine.ErrTimeout, "timeout": sqlengine.ErrTimeout, "backendError": sqlengine.ErrUnreachable, "internalError": sqlengine.ErrUnreachable,
	"rateLimitExceeded": sqlengine.ErrUnreachable, "jobRateLimitExceeded": sqlengine.ErrUnreachable, "authError": sqlengine.ErrLogin, "required": sqlengine.ErrLogin,
}

func classify(ctx context.Context, err error) error {
	var said *sqlengine.Error
	var api *googleapi.Error
	var job *bigquery.Error
	var network net.Error
	var request *url.Error
	switch {
	case err == nil, errors.As(err, &said):
		return err
	case context.Cause(ctx) != nil:
		return context.Cause(ctx) // the client only says that it was cancelled
	case errors.As(err, &api):
		return ofAPI(api)
	case errors.As(err, &job):
		return told(job.Reason, job.Message)
	case strings.Contains(err.Error(), "oauth2:"), strings.Contains(err.Error(), "auth:"), strings.Contains(err.Error(), "credentials"):
		return &sqlengine.Error{Kind: sqlengine.ErrLogin, Text: err.Error()}
	case errors.As(err, &request):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: request.Err.Error()}
	case errors.As(err, &network):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: err.Error()}
	}
	return err
}

func ofAPI(err *googleapi.Error) error {
	reason := ""
	if len(err.Errors) > 0 {
		reason = err.Errors[0].Reason
	}
	e := told(reason, err.Message)
	switch {
	case err.Code == http.StatusUnauthorized:
		e.Kind = sqlengine.ErrLogin
	case err.Code >= http.StatusInternalServerError && e.Kind == nil:
		e.Kind = sqlengine.ErrUnreachable
	}
	if e.Text == "" {
		e.Text = "the server answered " + http.StatusText(err.Code)
	}
	return e
}

func told(reason, message string) *sqlengine.Error {
	e := &sqlengine.Error{Kind: kinds[reason], Text: message, Code: reason}
	switch {
	case reason == "notFound" && strings.Contains(message, "Project"):
		e.Kind = sqlengine.ErrLogin
	case strings.Contains(message, "Unrecognized name"), strings.Contains(message, "not found inside"):
		e.Kind = sqlengine.ErrNoColumn
	case strings.Contains(message, "Job timed out"):
		e.Kind = sqlengine.ErrTimeout
	}
	return e
}
