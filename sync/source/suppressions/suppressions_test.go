package suppressions_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	utf16enc "unicode/utf16"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/impactsync/impactsync/sync/segment"
	"github.com/impactsync/impactsync/sync/source/suppressions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func folder(t *testing.T, files map[string]string) *suppressions.Files {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	f, err := suppressions.Open(t.Context(), "file://"+dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

func idsOf(t *testing.T, s interface {
	Each(ctx context.Context, fn func(segment.Identity) error) error
}) ([]string, error) {
	t.Helper()
	var ids []string
	err := s.Each(t.Context(), func(who segment.Identity) error {
		ids = append(ids, who.UserID+who.AnonymousID+who.EmailSHA1)
		return nil
	})
	return ids, err
}

// Of a@example.com and b@example.com.
const (
	hashA = "11a586cd1f7d573b856f94a619ae806a9a63f0a4"
	hashB = "e968f56b20f745530c5a7bcee134bbdab612e595"
)

func utf16(text string, order binary.AppendByteOrder) string {
	var out []byte
	for _, unit := range utf16enc.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

func gzipOf(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, errors.Join(err, w.Close()))
	return b.String()
}

func zstdOf(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	return string(w.EncodeAll([]byte(text), nil))
}

func zipOf(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, text := range files {
		file, err := w.Create(fmt.Sprint(i, ".csv"))
		require.NoError(t, err)
		_, err = file.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.String()
}

// bzip2Lines is "u1\nu2\n" as bzip2 packs it, for Go only unpacks.
const bzip2Lines = "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xd9\x45\x71\x93\x00\x00\x02\x48\x80\x00\x10\x30\x00\x02\x00\x20\x00\x30\xcd\x34\x18\xc8\x0c\x67\x17\x72\x45\x38\x50\x90\xd9\x45\x71\x93"

type suppressed struct {
	ID    *int64  `parquet:"user_id,optional"`
	Email *string `parquet:"email,optional,zstd"`
}

func parquetOf[T any](t *testing.T, rows []T) string {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b)
	_, err := w.Write(rows)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.String()
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"plain lines":            {"u1\n\n  u2  \r\nu3", []string{"u1", "u2", "u3"}},
		"gzip":                   {gzipOf(t, "u1\nu2\n"), []string{"u1", "u2"}},
		"zstd":                   {zstdOf(t, "u1\nu2\n"), []string{"u1", "u2"}},
		"zip":                    {zipOf(t, "user_id\nu1\nu2\n"), []string{"u1", "u2"}},
		"bzip2":                  {bzip2Lines, []string{"u1", "u2"}},
		"gzip, twice":            {gzipOf(t, gzipOf(t, "u1\nu2\n")), []string{"u1", "u2"}},
		"CSV":                    {"email,user_id\nx,u1\ny,\"u,2\"\nz,\n", []string{"u1", "u,2"}},
		"CSV of one column":      {"\ufeffuser_id\nu1\n", []string{"u1"}},
		"a header and nobody":    {"user_id\n", nil},
		"NDJSON":                 {`{"userId":"u1"}` + "\n" + `{"user_id":"u2","x":1}` + "\n", []string{"u1", "u2"}},
		"semicolons":             {"sep=;\r\nName;User ID\r\nx;u1\r\ny;\"u;2\"\r\n", []string{"u1", "u;2"}},
		"tabs, and a tab more":   {"user-id\tname\nu1\tx\t\nu2\ty\t\n", []string{"u1", "u2"}},
		"UTF-16 of Excel":        {utf16("\ufeffuser_id\r\nu1\r\nü2\r\n", binary.LittleEndian), []string{"u1", "ü2"}},
		"UTF-16, the other way":  {utf16("\ufeffuser_id\nu1\n", binary.BigEndian), []string{"u1"}},
		"UTF-16 without a mark":  {utf16("u1\nu2\n", binary.LittleEndian), []string{"u1", "u2"}},
		"CR ends lines":          {"user_id\ru1\ru2\r", []string{"u1", "u2"}},
		"CR ends lines of ids":   {"u1\ru2", []string{"u1", "u2"}},
		"id, alone":              {"id,name\nu1,x\n", []string{"u1"}},
		"quoted lines":           {"\"u1\"\n\"u2\"\n", []string{"u1", "u2"}},
		"ids with a bar":         {"auth0|5f7c\ngoogle|u2\n", []string{"auth0|5f7c", "google|u2"}},
		"ids of letters":         {"alice\nbob\n", []string{"alice", "bob"}},
		"one id":                 {"u1", []string{"u1"}},
		"addresses one a line":   {"A@example.com\nb@example.com\n", []string{hashA, hashB}},
		"a column of addresses":  {"E-Mail Address\na@example.com\n\n" + strings.ToUpper(hashB) + "\n", []string{hashA, hashB}},
		"an id counts first":     {"email,user_id\na@example.com,u1\nb@example.com,NULL\n", []string{"u1", hashB}},
		"visitors":               {"anonymous_id,user_id\na1,u1\na2,\n", []string{"u1", "a2"}},
		"a psql footer":          {"user_id\nu1\n(1 row)\n", []string{"u1"}},
		"shards put together":    {"user_id\nu1\n\ufeffuser_id\nu2\n", []string{"u1", "u2"}},
		"a JSON array":           {"[\"u1\", \"u2\",\n 3]", []string{"u1", "u2", "3"}},
		"an array of objects":    {"[\n  {\"user_id\": \"u1\"},\n  {\"Email\": \"a@example.com\"}\n]\n", []string{"u1", hashA}},
		"an empty array":         {"[]", nil},
		"Segment's answer":       {`{"data":{"suppressed":[{"subjectType":"USER_ID","subjectIds":["u1","u2"]},{"subjectType":"OBJECT_ID","subjectIds":["o"]}]}}`, []string{"u1", "u2"}},
		"a number in JSON":       {`{"userId":12345678901234567}`, []string{"12345678901234567"}},
		"Segment's own subjects": {`{"subjectType":"USER_ID","subjectIds":["u1","u2"]}` + "\n" + `{"subjectType":"OBJECT_ID","subjectIds":["o1"]}`, []string{"u1", "u2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := idsOf(t, folder(t, map[string]string{"list": test.text}))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}

	t.Run("Parquet, by the columns of CSV", func(t *testing.T) {
		t.Parallel()
		file := parquetOf(t, []suppressed{{ID: new(int64(1<<53 + 1))}, {Email: new("a@example.com")}, {}})
		got, err := idsOf(t, folder(t, map[string]string{"list": file}))
		require.NoError(t, err)
		require.Equal(t, []string{"9007199254740993", hashA}, got)
	})

	t.Run("several files count together", func(t *testing.T) {
		t.Parallel()
		got, err := idsOf(t, folder(t, map[string]string{"a.csv": "user_id\nu1\n", "b.txt": "u2\n"}))
		require.NoError(t, err)
		require.Equal(t, []string{"u1", "u2"}, got)
	})

	t.Run("what cannot be used is an error, without the line", func(t *testing.T) {
		t.Parallel()
		table := parquetOf(t, []struct{ Email string }{{"secret"}})
		packed := zipOf(t, "u1\nu2\n")
		for _, bad := range []string{
			"", " \n\r\n", "a,b\n1,2\n", "a;b\n1;2\n", "user_id,x\nu1,\"secret\n", "{\"userId\":\"u1\"}\nsecret\n", "{\"x\":\"secret\"}\n",
			table, table[:len(table)-20], parquetOf(t, []struct{ Secret string }{{"secret"}}), parquetOf(t, []struct{ Email []string }{{[]string{"secret"}}}),
			packed[:len(packed)-20], zipOf(t, "u1", "secret"), gzipOf(t, strings.Repeat("u1\n", 99))[:20], zstdOf(t, "u1\nu2\n")[:12], gzipOf(t, table),
			"client\nu1\n", "Kundennummer\nu1\n", "customer_id\nsecret\n", "contactId\nsecret\n", // headers of unknown names
			"user_id\nu1\rsecret\n", "user_id\nu1\nsecret\u200b\n", "secret\u200b\n", "user_id\nsecret\x01\n", "u1\n'secret\n", "user_id\n'secret'\n", "user_id\n\"=\"\"secret\"\"\"\n", "[\"`secret`\"]",
			"user_id\nNULL\n\\N\n", "user_id,name\n,secret\n", // a column of ids without one
			"user_id\nu1\n1.23457E+15\n", "1,23457E+15\n", "user_id;x\n1,23457E+15;y\n", "user_id\n123.0\n", `["1.23457e+15"]`, "[1.23457e+15]",
			"email\nsecret\n", "email\n" + strings.Repeat("5ec7e7", 10) + "abcd\n", // no address; its SHA-256
			"PK\x03\x04\x14\x00\x06secret", "PAR1\x15\x04secret", "Obj\x01secret", "\x28\xb5\x2f\xfdsecret", "<html>secret</html>", "\x00\x01secret",
			"+---------+\n| user_id |\n+---------+\n| secret  |\n", " user_id \n---------\n secret\n",
			"{\n  \"userId\": \"secret\"\n}\n", `[["secret"]]`, `[{"userId":"u1"}`, `{"userId":{"id":"secret"}}`, `[true]`, `{"data":{"x":"secret"}}`,
			"u1\nsecret id\n", "u1\nsecret,2\n", "- u1\n- secret\n", "u1\nsecret\xff\n", "user_id\nsecret\xff\n", "user_id,email\nu1,secret\nemail,user_id\nsecret,u2\n",
		} {
			_, err := idsOf(t, folder(t, map[string]string{"list": bad}))
			require.Error(t, err, bad)
			require.NotContains(t, err.Error(), "secret")
			require.Contains(t, err.Error(), `"list"`, bad)
		}
		_, err := idsOf(t, folder(t, nil))
		require.ErrorContains(t, err, "leave a file with the header user_id alone")
	})
}

// api answers GET /suppressions as Segment documents it, in pages.
type api struct {
	ids    []string
	faults atomic.Int64 // so many answers are 429 or 503
	calls  atomic.Int64
}

func (s *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := s.calls.Add(1)
	switch {
	case r.URL.Path != "/suppressions" || r.Header.Get("Authorization") != "Bearer sgp_token":
		http.Error(w, `{"errors":[{"type":"forbidden","message":"sgp_token p@x.test"}]}`, http.StatusForbidden)
		return
	case s.faults.Add(-1) >= 0:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable}[n%2])
		return
	}
	count, _ := strconv.Atoi(r.URL.Query().Get("pagination.count"))
	from, _ := strconv.Atoi(r.URL.Query().Get("pagination.cursor"))
	to := min(from+count, len(s.ids))
	pagination := map[string]any{"current": strconv.Itoa(from)}
	if to < len(s.ids) {
		pagination["next"] = strconv.Itoa(to)
	}
	subjects := []map[string]any{}
	if from < to {
		subjects = append(subjects, map[string]any{"subjectType": "USER_ID", "subjectIds": s.ids[from:to]})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"suppressed": subjects, "pagination": pagination}})
}

func serve(t *testing.T, h http.Handler) *suppressions.API {
	t.Helper()
	srv := httptest.NewServer(h)
	client := srv.Client()
	t.Cleanup(func() { client.CloseIdleConnections(); srv.Close() })
	return &suppressions.API{Base: srv.URL, Token: "sgp_token", Client: client, Wait: time.Millisecond}
}

func TestAPI(t *testing.T) {
	t.Parallel()

	t.Run("reads all pages, through short refusals", func(t *testing.T) {
		t.Parallel()
		s := &api{}
		for i := range 450 {
			s.ids = append(s.ids, fmt.Sprint("u", i))
		}
		s.faults.Store(3)
		got, err := idsOf(t, serve(t, s))
		require.NoError(t, err)
		require.Equal(t, s.ids, got)
		require.EqualValues(t, 6, s.calls.Load())
	})

	t.Run("nobody is suppressed", func(t *testing.T) {
		t.Parallel()
		got, err := idsOf(t, serve(t, &api{}))
		require.NoError(t, err)
		require.Empty(t, got)
	})

	t.Run("a wrong token is said without it", func(t *testing.T) {
		t.Parallel()
		a := serve(t, &api{})
		a.Token = "sgp_wrong"
		_, err := idsOf(t, a)
		require.ErrorContains(t, err, "403 (forbidden): privacy.segmentToken")
		for _, secret := range []string{"sgp_", "p@x.test"} {
			require.NotContains(t, err.Error(), secret)
		}
	})

	for name, answer := range map[string]string{
		"garbage":           `<html>`,
		"another answer":    `{"data":{"audiences":[]}}`,
		"pages without end": `{"data":{"suppressed":[],"pagination":{"next":"x"}}}`,
	} {
		t.Run(name+" is an error", func(t *testing.T) {
			t.Parallel()
			_, err := idsOf(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(answer)) })))
			require.Error(t, err)
		})
	}

	t.Run("an outage is an error in the end", func(t *testing.T) {
		t.Parallel()
		s := &api{}
		s.faults.Store(100)
		_, err := idsOf(t, serve(t, s))
		require.Error(t, err)
		require.EqualValues(t, 5, s.calls.Load())
	})

	t.Run("the token does not follow a redirect", func(t *testing.T) {
		t.Parallel()
		_, err := idsOf(t, serve(t, http.RedirectHandler("/elsewhere", http.StatusFound)))
		require.ErrorContains(t, err, "302")
	})
}
