package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often, at most, handshakes look whether the files have changed.
const certificateCheck = time.Second

// A certificate is read from two files, and again when one of them changes. A pair that
// doesn't fit, as in the moment between the two writes, leaves the old one in use.
type certificate struct {
	certFile, keyFile string

	mu      sync.Mutex
	current *tls.Certificate
	version [2]fileVersion
	looked  time.Time
}

// A fileVersion is another one when the file was written, or another took its name.
type fileVersion struct {
	modified time.Time
	size     int64
}

func loadCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
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
			if pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
				c.current, c.version = &pair, v
			}
		}
	}
	return c.current, nil
}
