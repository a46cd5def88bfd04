package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Secret is a text that must not be printed. Convert it to string to use it.
type Secret string

// String hides the text. An empty secret stays empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// GoString hides the text from %#v.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// MarshalText hides the text from encoders and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secretOf is a secret that stands in the configuration, or in a file of its own.
type secretOf struct {
	value *Secret
	file  *string
	key   string // of the value; that of the file has File at its end
	what  string
	lines bool // it may have more than one line
}

func (l *loader) secrets() {
	d, p, f := &l.config.Destination, &l.config.Privacy, &l.config.Conversions.File
	all := []secretOf{
		{&d.APIKey, &d.APIKeyFile, "destination.apiKey", "the Auth Token", false},
		{&p.HashKey, &p.HashKeyFile, "privacy.hashKey", "the hash key", false},
		{&p.SegmentToken, &p.SegmentTokenFile, "privacy.segmentToken", "the token of Segment's Public API", false},
		{&f.PrivateKey, &f.PrivateKeyFile, "conversions.file.privateKey", "the SSH key", true},
	}
	for i := range l.config.Sources {
		s := &l.config.Sources[i]
		all = append(all, secretOf{&s.DSN, &s.DSNFile, l.source(i) + ".dsn", "the address of the database", false})
	}
	for _, s := range slices.Concat(all, l.config.tellingSecrets(), l.config.segmentSecrets()) {
		l.secret(s)
	}
}

// secret reads a secret from its file and trims it: variables and files that are
// made with echo end in a line break.
func (l *loader) secret(s secretOf) {
	key := s.key + "File"
	inValue, inFile := l.owns(s.key), l.owns(key)
	if inValue && !inFile { // a destination's own replaces the one for all
		*s.file = ""
	}
	*s.value = Secret(strings.TrimSpace(string(*s.value)))
	if *s.file == "" {
		return
	}
	name := s.key[strings.LastIndexByte(s.key, '.')+1:]
	if l.isSet(s.key) && (inValue || !inFile) {
		l.problem(key, fmt.Sprintf("%s and %sFile are both set", name, name), "keep one of them")
		return
	}
	text, err := readSecret(*s.file, s.lines)
	if err != nil {
		// The path is not shown: the secret itself may stand here by mistake.
		l.problem(key, fmt.Sprintf("read %s from %s: %v", s.what, cmp.Or(l.raw[l.at(key)], "the file that is named here"), err), "the file holds "+s.what+" and nothing else")
		l.problems[len(l.problems)-1].cause = err
		return
	}
	*s.value = Secret(text)
	if info, err := os.Stat(*s.file); err == nil && info.Mode().Perm()&0o004 != 0 {
		l.warn(key, fmt.Sprintf("everybody on this machine can read %s", l.quote(key, *s.file)),
			"chmod 600, or defaultMode 0400 of a Kubernetes volume")
	}
}

// readSecret returns the one line of a small file, or all of its lines. Its errors do
// not name the file.
func readSecret(path string, lines bool) (string, error) {
	data, err := readFile(path, 64<<10)
	data = bytes.TrimSpace(data)
	var at *fs.PathError
	switch {
	case errors.As(err, &at):
		return "", at.Err
	case errors.Is(err, errTooLarge) || !lines && bytes.ContainsAny(data, "\r\n"):
		return "", errors.New("it holds more than one line")
	case err == nil && len(data) == 0:
		return "", errors.New("it is empty")
	}
	return string(data), err
}
