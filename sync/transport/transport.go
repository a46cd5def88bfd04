// Package transport carries files to where impact.com, or somebody by hand, fetches
// them: a folder of this machine, or one of an SFTP server.
package transport

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Config says where files go.
type Config struct {
	// URL is file:///absolute/folder/ or sftp://user@host:port/folder/.
	URL string
	// PrivateKey is an SSH key in PEM, of SFTP alone. impact.com takes RSA keys.
	PrivateKey string
	// HostKeys are the server's keys, each as in a known_hosts file without the host
	// (ssh-rsa AAAA...), or as a fingerprint (SHA256:...). At least one, of SFTP alone.
	HostKeys []string
}

// Place is a checked destination. It opens no connection by itself.
type Place struct {
	name   string
	folder string
	server *server // nil for a folder of this machine
}

// New checks a configuration without going anywhere.
func New(c Config) (*Place, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("the address is not a URL: want file:///folder/ or sftp://user@host/folder/")
	}
	switch u.Scheme {
	case "file":
		folder := filepath.Clean(u.Path)
		if u.Host != "" || !filepath.IsAbs(folder) {
			return nil, errors.New("the address names no folder: want file:///absolute/folder/")
		}
		return &Place{name: folder, folder: folder}, nil
	case "sftp":
		s, err := newServer(u, c)
		if err != nil {
			return nil, err
		}
		return &Place{name: s.String(), folder: s.folder, server: s}, nil
	}
	return nil, fmt.Errorf("the address begins with %q: want file:// or sftp://", strings.TrimSuffix(u.Scheme, ":")+"://")
}

// String names the place for people, without credentials.
func (p *Place) String() string { return p.name }
