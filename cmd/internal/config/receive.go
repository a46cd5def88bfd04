package config

import (
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Receive says how messages of Segment's webhooks are taken (impactsync receive, or the
// daemon).
type Receive struct {
	// Address and port to listen on. Others can reach one that is not a loopback address: it needs TLS. Default 127.0.0.1:8080.
	Listen string `yaml:"listen" default:"127.0.0.1:8080"`
	// The path that Segment posts to. Default /segment.
	Path string `yaml:"path" default:"/segment"`
	// A file that holds the shared secret of Segment's destination; several, one a line, while one is replaced. Required.
	SecretFile string `yaml:"secretFile"`
	// The certificate and its chain, in PEM. Segment accepts none that is self-signed.
	TLSCertFile string `yaml:"tlsCertFile"`
	// The certificate's key, in PEM.
	TLSKeyFile string `yaml:"tlsKeyFile"`
	// Listen without TLS on an address that others can reach, behind a proxy or load balancer with TLS. Default false.
	AllowPlainHTTP bool `yaml:"allowPlainHttp"`
	// The folder that messages are kept in; a source of kind events reads it. Relative to this file. Default: the folder spool beside the state.
	Spool string `yaml:"spool" emptied:"refuse"`
	// Bytes of all files in the folder, at which nothing more is taken. Default 10737418240.
	MaxBytes int `yaml:"maxBytes" range:"1048576 1000000000000000" default:"10737418240"`
	// Bytes that the folder's disk must have left. Default 1073741824.
	MinFree int `yaml:"minFree" range:"0 1000000000000000" default:"1073741824"`
	// Longest body in bytes: one message or a batch. Default 8388608.
	MaxBodyBytes int `yaml:"maxBodyBytes" range:"65536 33554432" default:"8388608"`
	// A file is complete, and read by the next run, when it is this old. Default 1m.
	RotateEvery time.Duration `yaml:"rotateEvery" default:"1m"`
	// Or when it has this many bytes, packed. Default 67108864.
	RotateBytes int `yaml:"rotateBytes" range:"1048576 1073741824" default:"67108864"`
	// How long a file is kept after it was read to its end; a run removes it then. Default 168h.
	Keep time.Duration `yaml:"keep" default:"168h"`
}

// LoadReceive is [Load] for a process that only receives: what is wrong with the rest
// of the file, such as a token that it has no use for, is no obstacle.
func LoadReceive(path string, getenv Lookup) (*Config, error) {
	data, folder, err := open(path)
	if err != nil {
		return nil, err
	}
	c, problems := decode(data, path, folder, getenv)
	if c != nil {
		problems = slices.DeleteFunc(problems, func(p Problem) bool { return p.Key != "receive" && !strings.HasPrefix(p.Key, "receive.") })
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return c, nil
}

// receivePaths lists the paths of receive.
func (c *Config) receivePaths() []*string {
	if c.Receive == nil {
		return nil
	}
	r := c.Receive
	return []*string{&r.SecretFile, &r.TLSCertFile, &r.TLSKeyFile, &r.Spool}
}

// ReadsSpool reports whether a source reads what is received.
func (c *Config) ReadsSpool(s Source) bool {
	if c.Receive == nil || s.Kind != KindEvents {
		return false
	}
	u, err := url.Parse(s.URL)
	return err == nil && u.Scheme == "file" && (u.Host == "" || u.Host == "localhost") && filepath.Clean(filepath.FromSlash(u.Path)) == filepath.Clean(c.Receive.Spool)
}

// defaultSpool names the folder that messages are kept in: beside the state.
func (c *Config) defaultSpool() {
	if r := c.Receive; r != nil && r.Spool == "" {
		r.Spool = filepath.Join(filepath.Dir(c.State.Path), "spool")
	}
}

func (l *loader) checkReceive() {
	r := l.config.Receive
	if r == nil {
		return
	}
	l.config.defaultSpool()
	host, port, err := net.SplitHostPort(r.Listen)
	l.must(err == nil && port != "", "receive.listen", "is not an address and a port", "such as 127.0.0.1:8080, or :8443 for all addresses")
	l.must(strings.HasPrefix(r.Path, "/") && r.Path != "/healthz" && !strings.ContainsAny(r.Path, "{} ?#"), "receive.path", "is not a path", "such as /segment")
	l.must(r.SecretFile != "", "receive.secretFile", "is missing: without it anybody could send messages", "a file with the shared secret that Segment's destination has")
	l.must((r.TLSCertFile == "") == (r.TLSKeyFile == ""), "receive.tlsCertFile", "goes with tlsKeyFile: one of them is missing", "name both, or none")
	l.must(err != nil || r.TLSCertFile != "" || r.AllowPlainHTTP || loopback(host), "receive.listen", "others can reach this address, and there is no TLS", "set tlsCertFile and tlsKeyFile; or allowPlainHttp: true, behind a proxy with TLS")
	l.must(r.RotateEvery >= time.Second, "receive.rotateEvery", "must be 1s or more", "")
	l.must(r.Keep >= 0, "receive.keep", "must not be negative", "")
	l.checkSpoolSources()
}

// checkSpoolSources looks for the source that reads what is received. An audience's
// messages say that they are for the webhook alone, and so not for impact.com.
func (l *loader) checkSpoolSources() {
	c := l.config
	if l.block == "" && !slices.ContainsFunc(c.Sources, c.ReadsSpool) { // of several destinations, one may read it
		l.warn("receive", "no source reads what is received", "a source with kind: events and url: file://"+c.Receive.Spool)
	}
	for i, s := range c.Sources {
		key := l.source(i) + ".honourIntegrations"
		if c.ReadsSpool(s) && s.HonourIntegrations && !l.isSet(key) {
			l.warn(key, "Engage's messages to a webhook are marked as not meant for other destinations, and would be passed over", "honourIntegrations: false; Segment's own filters decide what is sent to the webhook")
		}
	}
}

// loopback reports whether a host is this machine's own.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
