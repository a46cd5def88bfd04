package bucket

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/impactsync/impactsync/sync/source"
)

func TestErrorsOfDriversAreReadable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"Azure's page": {
			errors.New("GET http://127.0.0.1:1/acct/logs\n-----\nRESPONSE 404: 404 The container does not exist.\nERROR CODE: ContainerNotFound\n-----\n" +
				`<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error>\n  <Code>ContainerNotFound</Code>\n</Error>\n-----\n"),
			"GET http://127.0.0.1:1/acct/logs; RESPONSE 404: 404 The container does not exist.; ERROR CODE: ContainerNotFound",
		},
		"a signature": {
			&url.Error{Op: "Get", URL: "https://acct.blob.core.windows.net/logs?comp=list&sig=s3cr3t", Err: errors.New("connection refused")},
			`Get "https://acct.blob.core.windows.net/logs": connection refused`,
		},
		"an e-mail address": {errors.New("key ann@example.com: no"), "key ...: no"},
		"nothing wrong":     {errors.New("no such host"), "no such host"},
	} {
		got := readable(tt.err)
		require.ErrorIs(t, got, tt.err, name)
		if name == "an e-mail address" {
			require.NotContains(t, got.Error(), "ann@", name)
			continue
		}
		require.Equal(t, tt.want, got.Error(), name)
	}
}

// TestForbidden: what may not be read is not gone, or a run would take a
// missing right for objects that vanished, and pass over them.
func TestForbidden(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ms-Error-Code", "AuthorizationPermissionMismatch")
		w.WriteHeader(http.StatusForbidden)
	}))
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	t.Setenv("AZURE_STORAGE_ACCOUNT", "acct")
	t.Setenv("AZURE_STORAGE_KEY", "c2VjcmV0")
	t.Setenv("AWS_ACCESS_KEY_ID", "tester")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "tester-secret")
	for rawURL, right := range map[string]string{
		"gs://bucket/x/": "Storage Object Viewer",
		"azblob://bucket/x/?protocol=http&localemu=true&domain=" + address:                                   "Storage Blob Data Reader",
		"s3://bucket/x/?region=us-east-1&use_path_style=true&endpoint=" + url.QueryEscape("http://"+address): "s3:GetObject",
	} {
		b := open(t, rawURL)
		for _, err := range b.Objects(t.Context()) {
			require.ErrorContains(t, err, b.URL()+": list: not allowed")
			require.ErrorContains(t, err, right)
		}
		o := source.Object{Name: "vip.csv", Size: 1, ModTime: time.Now()}
		_, err := b.Open(t.Context(), o)
		require.NotErrorIs(t, err, source.ErrGone)
		require.ErrorContains(t, err, b.URL()+`: open "vip.csv": not allowed`)
		r := &Reader{b: b, object: o}
		err = r.Verify(t.Context())
		require.NotErrorIs(t, err, source.ErrGone)
		require.ErrorContains(t, err, "not allowed")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestWithoutCredentials(t *testing.T) {
	for _, name := range []string{"STORAGE_EMULATOR_HOST", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING"} {
		t.Setenv(name, "")
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	_, err := Open(t.Context(), "gs://bucket/x/", Options{})
	require.ErrorContains(t, err, "gs://bucket/x/: open the bucket: no credentials for Google: set GOOGLE_APPLICATION_CREDENTIALS")
	_, err = Open(t.Context(), "azblob://bucket/x/", Options{})
	require.ErrorContains(t, err, "azblob://bucket/x/: open the bucket: no storage account is named: set AZURE_STORAGE_ACCOUNT")
	open(t, "gs://bucket/x/?anonymous=true")
}
