package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// secretOf is a secret that stands in the file itself or in a file of its own.
type secretOf struct {
	value *Secret
	file  *string
	key   string // of the value; the other one is the same with File
	what  string
}

func (l loader) secrets() {
	d, p := &l.config.Destination, &l.config.Privacy
	for _, s := range []secretOf{
		{&d.APIKey, &d.APIKeyFile, "destination.apiKey", "the Auth Token"},
		{&p.HashKey, &p.HashKeyFile, "privacy.hashKey", "the hash key"},
		{&p.SegmentToken, &p.SegmentTokenFile, "privacy.segmentToken", "the token of Segment's Public API"},
	} {
		l.secret(s)
	}
}

// secret fills a secret from its file and trims it: a variable or a file made
// with echo ends in a line break.
func (l loader) secret(s secretOf) {
	*s.value = Secret(strings.TrimSpace(string(*s.value)))
	if *s.file == "" {
		return
	}
	key := s.key + "File"
	_, name, _ := strings.Cut(s.key, ".")
	if l.isSet(s.key) {
		l.problem(key, fmt.Sprintf("%s and %sFile are both set", name, name), "keep one of them")
		return
	}
	text, mode, err := readSecret(*s.file)
	if err != nil {
		// Not by its name: the secret itself may stand here by mistake.
		l.problem(key, fmt.Sprintf("read %s from %s: %v", s.what, cmp.Or(l.raw[key], "the file that is named here"), err), "the file holds "+s.what+" and nothing else")
		l.problems[len(l.problems)-1].cause = err
		return
	}
	*s.value = Secret(text)
	if mode.Perm()&0o004 != 0 {
		l.warn(key, fmt.Sprintf("everybody on this machine can read %s", l.quote(key, *s.file)),
			"chmod 600, or defaultMode 0400 of a Kubernetes volume")
	}
}

// readSecret returns the one line of a small file and the file's mode. Its errors
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
