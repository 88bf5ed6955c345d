package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often, at most, handshakes look whether the files have changed.
const certificateCheck = time.Second

// A certificate is read from two files, and again when one of them changes. A pair that
// doesn't fit leaves the old one in use, and the log says so when it is not only for the moment
// between the two writes.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	version [2]fileVersion
	refused [2]fileVersion // that didn't fit when they were looked at last
	told    bool           // of those
	looked  time.Time
}

// A fileVersion is another one when the file was written, or another took its name.
type fileVersion struct {
	modified time.Time
	size     int64
}

func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	c.version = c.versions()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("%w: --tls-cert and --tls-key are PEM files of a certificate, with those that it is signed by, and of its key", err)
	}
	c.current, c.looked = &pair, time.Now()
	return c, nil
}

func (c *certificate) versions() (v [2]fileVersion) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			v[i] = fileVersion{info.ModTime(), info.Size()}
		}
	}
	return v
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) > certificateCheck {
		c.looked = now
		if v := c.versions(); v != c.version {
			c.renew(v)
		}
	}
	return c.current, nil
}

func (c *certificate) renew(v [2]fileVersion) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	switch {
	case err == nil:
		c.current, c.version = &pair, v
	case v != c.refused:
		c.refused, c.told = v, false
	case !c.told:
		c.told = true
		c.log.Error("the certificate's files have changed and can't be used; the one before stays in use until they can", "error", err)
	}
}
