package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/impactsync/impactsync/sync/sqlengine"
)

// spoken is how an error begins in an answer: "Code: 60, e.displayText() =
// DB::Exception: text, e.what() = DB::Exception" in old versions, "Code: 60.
// DB::Exception: text. (UNKNOWN_TABLE) (version 25.8.1.1)" in current ones.
var spoken = regexp.MustCompile(`Code: (\d+)(?:\.|, e\.displayText\(\) =) DB::(?:Net)?Exception: `)

// kinds are the kinds of errors by their number
// (https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp).
var kinds = map[string]error{
	"60": sqlengine.ErrNoTable, "81": sqlengine.ErrNoTable,
	"47": sqlengine.ErrNoColumn, "16": sqlengine.ErrNoColumn,
	"497": sqlengine.ErrDenied, "291": sqlengine.ErrDenied,
	"192": sqlengine.ErrLogin, "193": sqlengine.ErrLogin, "194": sqlengine.ErrLogin, "195": sqlengine.ErrLogin, "516": sqlengine.ErrLogin,
	"159": sqlengine.ErrTimeout, "160": sqlengine.ErrTimeout, "473": sqlengine.ErrLocked,
	"202": sqlengine.ErrUnreachable, "209": sqlengine.ErrUnreachable, "210": sqlengine.ErrUnreachable, "279": sqlengine.ErrUnreachable, "394": sqlengine.ErrUnreachable,
	"6": sqlengine.ErrStatement, "27": sqlengine.ErrStatement, "36": sqlengine.ErrStatement, "41": sqlengine.ErrStatement, "42": sqlengine.ErrStatement, "43": sqlengine.ErrStatement,
	"46": sqlengine.ErrStatement, "53": sqlengine.ErrStatement, "62": sqlengine.ErrStatement, "70": sqlengine.ErrStatement, "72": sqlengine.ErrStatement,
	"164": sqlengine.ErrStatement, "215": sqlengine.ErrStatement, "386": sqlengine.ErrStatement,
}

// refusal returns the error of an answer that is not one of rows.
func refusal(resp *http.Response) error {
	said := resp.Header.Get("X-ClickHouse-Exception-Code")
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusOK && said == "" && media == "text/tab-separated-values":
		return nil
	case resp.StatusCode == http.StatusOK && said == "":
		return &sqlengine.Error{Kind: sqlengine.ErrStatement, Text: "the server answered in another format: leave FORMAT out of the statement"}
	}
	const most = 16 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if err != nil {
		return err
	}
	if spoken.Match(body) {
		return failure(string(body))
	}
	return &sqlengine.Error{Kind: kindOf(resp.StatusCode, said), Text: "the server answered " + resp.Status, Code: said}
}

func kindOf(status int, code string) error {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return sqlengine.ErrLogin
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return sqlengine.ErrUnreachable
	}
	return kinds[code]
}

// failure returns the error of a text that the server wrote.
func failure(text string) error {
	at := spoken.FindStringSubmatchIndex(text)
	if at == nil {
		return fmt.Errorf("the server ended the rows with an error that is none of ClickHouse's")
	}
	e := &sqlengine.Error{Code: text[at[2]:at[3]]}
	e.Kind = kinds[e.Code]
	e.Text = text[at[1]:]
	for _, end := range []string{", e.what() =", " (version ", ", Stack trace", "\r\n", "\n"} {
		e.Text, _, _ = strings.Cut(e.Text, end)
	}
	if e.Code == "164" && strings.Contains(e.Text, "setting") {
		e.Kind, e.Text = sqlengine.ErrDenied, e.Text+": give this user a profile with readonly = 2, which may set how long a statement takes"
	}
	return e
}

// unreached gives errors of the connection their kind.
func unreached(ctx context.Context, err error) error {
	var said *sqlengine.Error
	var network net.Error
	var request *url.Error
	switch {
	case err == nil, errors.As(err, &said):
		return err
	case context.Cause(ctx) != nil:
		return context.Cause(ctx) // the client only says that it was cancelled
	case errors.As(err, &request):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: request.Err.Error()}
	case errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &sqlengine.Error{Kind: sqlengine.ErrUnreachable, Text: err.Error()}
	}
	return err
}
