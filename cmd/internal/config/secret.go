package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// secret fills APIKey from apiKeyFile and trims it: a variable or a file made
// with echo ends in a line break.
func (l loader) secret() {
	d := &l.config.Destination
	d.APIKey = Secret(strings.TrimSpace(string(d.APIKey)))
	if d.APIKeyFile == "" {
		return
	}
	const key = "destination.apiKeyFile"
	if l.isSet("destination.apiKey") {
		l.problem(key, "apiKey and apiKeyFile are both set", "keep one of them")
		return
	}
	token, mode, err := readSecret(d.APIKeyFile)
	if err != nil {
		l.problem(key, fmt.Sprintf("read the Auth Token from %s: %v", l.quote(key, d.APIKeyFile), err),
			"the file holds impact.com's Auth Token and nothing else")
		return
	}
	d.APIKey = Secret(token)
	if mode.Perm()&0o004 != 0 {
		l.warn(key, fmt.Sprintf("everybody on this machine can read %s", l.quote(key, d.APIKeyFile)),
			"chmod 600, or defaultMode 0400 of a Kubernetes volume")
	}
}

// readSecret gives the one line of a small file and the file's mode. Its errors
// do not name the file.
func readSecret(path string) (string, os.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, unnamed(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", 0, unnamed(err)
	}
	const most = 64 << 10
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", 0, unnamed(err)
	}
	data = bytes.TrimSpace(data)
	switch {
	case len(data) == 0:
		return "", 0, errors.New("it is empty")
	case len(data) > most || bytes.ContainsAny(data, "\r\n"):
		return "", 0, errors.New("it holds more than one line")
	}
	return string(data), info.Mode(), nil
}

func unnamed(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}
