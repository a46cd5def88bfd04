package receive

import (
	"crypto/tls"
	"fmt"
	"sync"
	"time"
)

// certificate is a pair of files that are read again when they have changed.
type certificate struct {
	cert, key string

	mu            sync.Mutex
	pair          *tls.Certificate
	ofCert, ofKey stamp
	looked        time.Time
}

// TLS returns the settings of a server with the certificate and the key of two PEM
// files. They are read again when they have changed: certificates are renewed.
func TLS(cert, key string) (*tls.Config, error) {
	c := &certificate{cert: cert, key: key}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

func (c *certificate) read() error {
	ofCert, err := stampOf(c.cert)
	if err != nil {
		return err
	}
	ofKey, err := stampOf(c.key)
	if err != nil || c.pair != nil && ofCert == c.ofCert && ofKey == c.ofKey {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair, c.ofCert, c.ofKey = &pair, ofCert, ofKey
	return nil
}

// current returns the certificate; the last good one if the files do not fit together,
// as while they are replaced.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= lookEvery {
		c.looked = now
		_ = c.read()
	}
	return c.pair
}
