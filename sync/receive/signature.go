package receive

import (
	"crypto/hmac"
	"crypto/sha1" // Segment's choice
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// mostSecrets bounds the file of secrets, in bytes.
const mostSecrets = 64 << 10

// Secrets are the shared secrets of a file, one a line: several while one is replaced
// by another. The file is read again when it has changed. It is safe for concurrent
// use.
type Secrets struct {
	path string

	mu     sync.Mutex
	keys   [][]byte
	stamp  stamp
	looked time.Time
}

// stamp tells whether a file has changed.
type stamp struct {
	size int64
	at   time.Time
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.Size(), info.ModTime()}, nil
}

// lookEvery is how often files of secrets and certificates are looked at.
const lookEvery = time.Second

// OpenSecrets reads a file of secrets. It is an error if there is none in it.
func OpenSecrets(path string) (*Secrets, error) {
	s := &Secrets{path: path}
	if err := s.read(); err != nil {
		return nil, fmt.Errorf("read the shared secrets: %w", err)
	}
	return s, nil
}

func (s *Secrets) read() error {
	now, err := stampOf(s.path)
	if err != nil || now == s.stamp {
		return err
	}
	if now.size > mostSecrets {
		return errors.New("the file is larger than 64 KB: that is no list of secrets")
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	var keys [][]byte
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, []byte(line))
		}
	}
	if len(keys) == 0 {
		return errors.New("the file is empty: it holds the shared secret of Segment's destination, several on a line each")
	}
	s.keys, s.stamp = keys, now
	return nil
}

// current returns the secrets. If the file cannot be read again, they are those that
// it had: it may be about to be replaced.
func (s *Secrets) current() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.looked) >= lookEvery {
		s.looked = now
		_ = s.read()
	}
	return s.keys
}

// Signed reports whether a signature is that of a text by one of the secrets.
func (s *Secrets) Signed(text []byte, signature string) bool {
	given, err := hex.DecodeString(signature)
	if err != nil || len(given) != sha1.Size {
		return false
	}
	for _, key := range s.current() {
		mac := hmac.New(sha1.New, key)
		mac.Write(text)
		if hmac.Equal(given, mac.Sum(nil)) {
			return true
		}
	}
	return false
}
