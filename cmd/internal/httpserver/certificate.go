package httpserver

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often, at most, handshakes check whether the files have changed.
const certificateCheck = time.Second

// A Certificate is read from two files, and again when one of them changes. While the two don't fit
// each other, as between the two writes of a renewal, the certificate before stays in use. If that lasts
// for more than one check, it is logged. Its methods are safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	version [2]fileVersion
	refused [2]fileVersion // the versions that did not fit at the last check
	logged  bool           // so was that
	checked time.Time
}

// A fileVersion changes when the file is written, or when another one takes its name.
type fileVersion struct {
	modified time.Time
	size     int64
}

// LoadCertificate reads a certificate, with those that it is signed by, and its key from PEM files.
func LoadCertificate(certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.version = c.versions()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.current, c.checked = &pair, time.Now()
	return c, nil
}

func (c *Certificate) versions() (v [2]fileVersion) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = fileVersion{info.ModTime(), info.Size()}
		}
	}
	return v
}

// Get is for tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) > certificateCheck {
		c.checked = now
		if v := c.versions(); v != c.version {
			c.renew(v)
		}
	}
	return c.current, nil
}

func (c *Certificate) renew(v [2]fileVersion) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	switch {
	case err == nil:
		c.current, c.version = &pair, v
	case v != c.refused:
		c.refused, c.logged = v, false
	case !c.logged:
		c.logged = true
		c.log.Error("the changed certificate can't be used", "error", err, "hint", "the one before stays in use until both files fit")
	}
}
