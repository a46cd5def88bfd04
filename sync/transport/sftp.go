package transport

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// connectTimeout is for the connection and the handshake; idleTimeout is how long the
// server may take for any one step.
const (
	connectTimeout = 30 * time.Second
	idleTimeout    = time.Minute
)

// server is an SFTP server and how to log in.
type server struct {
	address string // host:port
	user    string
	folder  string
	key     ssh.Signer
	hosts   hostKeys
}

// String returns the address without what is secret: there is nothing in it.
func (s *server) String() string { return "sftp://" + s.user + "@" + s.address + s.folder }

func newServer(u *url.URL, c Config) (*server, error) {
	s := &server{address: u.Host, user: u.User.Username(), folder: path.Clean("/" + u.Path)}
	if u.Port() == "" {
		s.address = net.JoinHostPort(u.Hostname(), "22")
	}
	_, password := u.User.Password()
	switch {
	case u.Hostname() == "" || s.user == "":
		return nil, errors.New("the address names no user or no host: want sftp://user@host/folder/")
	case password:
		return nil, errors.New("the address holds a password: impact.com takes an RSA key (privateKeyFile)")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address has a query or a fragment: want sftp://user@host/folder/")
	}
	var err error
	if s.key, err = parseKey(c.PrivateKey); err != nil {
		return nil, err
	}
	s.hosts, err = parseHostKeys(c.HostKeys)
	return s, err
}

func parseKey(pem string) (ssh.Signer, error) {
	if strings.TrimSpace(pem) == "" {
		return nil, errors.New("the private key is missing: make one with ssh-keygen -t rsa -b 4096 -N '' -f impact_key, and give impact.com impact_key.pub")
	}
	key, err := ssh.ParsePrivateKey([]byte(strings.TrimSpace(pem) + "\n"))
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, errors.New("the private key has a passphrase: ssh-keygen -p -f FILE removes it")
	case err != nil:
		return nil, errors.New("the private key cannot be read: want a PEM file as ssh-keygen writes it")
	}
	return key, nil
}

// hostKeys are the keys that a server may show.
type hostKeys struct {
	keys   []ssh.PublicKey
	prints []string
}

func parseHostKeys(texts []string) (h hostKeys, err error) {
	for _, text := range texts {
		if strings.HasPrefix(text, "SHA256:") {
			text = strings.TrimRight(text, "=")
			if sum, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(text, "SHA256:")); err != nil || len(sum) != sha256.Size {
				return h, fmt.Errorf("host key %.20q... is no whole fingerprint: want SHA256: and 43 letters (ssh-keyscan HOST | ssh-keygen -lf -)", text)
			}
			h.prints = append(h.prints, text)
			continue
		}
		key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil || len(bytes.TrimSpace(rest)) > 0 {
			return h, fmt.Errorf("host key %.20q... cannot be read: want a line such as ssh-rsa AAAA..., or SHA256:... (ssh-keyscan HOST | ssh-keygen -lf -)", text)
		}
		h.keys = append(h.keys, key)
	}
	if len(texts) == 0 {
		return h, errors.New("the server's host key is missing: without it nobody knows who the files go to (ssh-keyscan HOST shows it; compare it with what impact.com says)")
	}
	return h, nil
}

// algorithms returns what to ask the server for: any, if only a fingerprint is known.
func (h hostKeys) algorithms() (all []string) {
	if len(h.prints) > 0 {
		return nil
	}
	for _, key := range h.keys {
		if key.Type() == ssh.KeyAlgoRSA { // whose signatures are made with other hashes by now
			all = append(all, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		all = append(all, key.Type())
	}
	return all
}

// ErrHostKey says that a server is not the one that was configured.
var ErrHostKey = errors.New("the server shows another host key than the configured one")

func (h hostKeys) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	fingerprint := ssh.FingerprintSHA256(key)
	same := func(k ssh.PublicKey) bool { return bytes.Equal(k.Marshal(), key.Marshal()) }
	if slices.Contains(h.prints, fingerprint) || slices.ContainsFunc(h.keys, same) {
		return nil
	}
	return fmt.Errorf("%w: %s %s; nothing was sent", ErrHostKey, key.Type(), fingerprint)
}

// remote is a folder of a server.
type remote struct {
	folder string
	ssh    *ssh.Client
	sftp   *sftp.Client
	done   chan struct{} // closed by Close
}

// connect logs in. The context ends the connection, too.
func (s *server) connect(ctx context.Context) (*remote, error) {
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(dialing, "tcp", s.address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConnect, err)
	}
	conn := &patient{Conn: raw}
	stop := context.AfterFunc(dialing, func() { _ = raw.Close() })
	config := &ssh.ClientConfig{
		User: s.user, Auth: []ssh.AuthMethod{ssh.PublicKeys(s.key)}, HostKeyCallback: s.hosts.check, HostKeyAlgorithms: s.hosts.algorithms(), Timeout: connectTimeout,
	}
	c, channels, requests, err := ssh.NewClientConn(conn, s.address, config)
	if err != nil {
		return nil, errors.Join(s.notLetIn(err), ignoreClosed(raw.Close()))
	}
	if !stop() {
		return nil, errors.Join(context.Cause(dialing), ignoreClosed(c.Close()))
	}
	client := ssh.NewClient(c, channels, requests)
	files, err := sftp.NewClient(client, sftp.UseConcurrentWrites(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s lets %s in, and offers no SFTP: %w", ErrLogin, s.address, s.user, err), ignoreClosed(client.Close()))
	}
	r := &remote{folder: s.folder, ssh: client, sftp: files, done: make(chan struct{})}
	go r.keepAlive()
	context.AfterFunc(ctx, func() { _ = raw.Close() })
	return r, nil
}

// notLetIn says why a handshake failed.
func (s *server) notLetIn(err error) error {
	var kinds *ssh.AlgorithmNegotiationError
	switch {
	case errors.Is(err, ErrHostKey):
		return err
	case errors.As(err, &kinds) && kinds.What == "host key":
		return fmt.Errorf("%w, of another kind: it has %s; nothing was sent", ErrHostKey, strings.Join(kinds.RequestedAlgorithms, ", "))
	case strings.Contains(err.Error(), "unable to authenticate"): // there is no error to compare with
		return fmt.Errorf("%w: %s at %s: %w", ErrLogin, s.user, s.address, err)
	}
	return fmt.Errorf("%w: %s does not speak SSH as expected: %w", ErrConnect, s.address, err)
}

// keepAlive asks the server for a sign of life, without which the connection is given
// up: the state may need minutes for a large claim.
func (r *remote) keepAlive() {
	tick := time.NewTicker(idleTimeout / 4)
	defer tick.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-tick.C:
			if _, _, err := r.ssh.SendRequest("keepalive@openssh.com", true, nil); err != nil {
				return
			}
		}
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// patient is a connection on which no single step takes for ever.
type patient struct{ net.Conn }

func (p *patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(idleTimeout)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

func (r *remote) path(name string) string { return path.Join(r.folder, name) }

func (r *remote) Create(name string) (io.WriteCloser, error) {
	f, err := r.sftp.Create(r.path(name)) // one that an earlier attempt left is overwritten
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the server has no folder %s: %w", r.folder, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the server lets the user write nothing into %s: %w", r.folder, err)
	case err != nil:
		return nil, err
	}
	return f, nil
}

func (r *remote) Size(name string) (int64, error) {
	info, err := r.sftp.Stat(r.path(name))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Rename gives a file another name. OpenSSH refuses a name that is taken.
func (r *remote) Rename(from, to string) error { return r.sftp.Rename(r.path(from), r.path(to)) }

func (r *remote) Remove(name string) error {
	err := r.sftp.Remove(r.path(name))
	if err != nil && errors.Is(err, fs.ErrNotExist) {
		return fs.ErrNotExist
	}
	return err
}

func (r *remote) Count() (int, error) {
	all, err := r.sftp.ReadDir(r.folder)
	if err != nil {
		return 0, fmt.Errorf("%w: %s cannot be listed: %w", ErrFolder, r.folder, err)
	}
	return len(all), nil
}

func (r *remote) Close() error {
	close(r.done)
	err := r.sftp.Close()
	return errors.Join(ignoreClosed(err), ignoreClosed(r.ssh.Close()))
}
