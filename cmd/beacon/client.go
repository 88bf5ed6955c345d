package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// A client sends requests to the admin endpoints of a collector.
type client struct{ server, token string }

func (c *client) flags(f *pflag.FlagSet) {
	f.StringVar(&c.server, "server", "http://"+defaultListen, "the collector's `URL`")
	f.StringVar(&c.token, "token", "", "the collector's token")
}

// transport uses HTTP/1.1: over HTTP/2 an import could send only 64 KiB in one round trip, which is
// the collector's window.
var transport = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}()

// get sends a GET of a page below /-/ and returns the body of the answer.
func (c *client) get(ctx context.Context, page string, query url.Values) (io.ReadCloser, error) {
	body, _, err := c.do(ctx, http.MethodGet, page, query, nil)
	return body, err
}

// do sends a request with the body send, and returns the body of the answer with its size in bytes,
// or -1 if the size is unknown.
func (c *client) do(ctx context.Context, method, page string, query url.Values, send io.Reader) (answer io.ReadCloser, size int64, err error) {
	base, err := url.Parse(c.server)
	if err != nil || base.Host == "" {
		return nil, 0, usagef("--server %q: the URL can't be read: write it like http://%s", c.server, defaultListen)
	}
	u := base.JoinPath("-", page)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), send)
	if err != nil {
		return nil, 0, usageError{err}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, 0, fmt.Errorf("no collector answers at %s: start one with 'beacon serve', or set the URL of another with --server", c.server)
	}
	if err != nil {
		return nil, 0, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if res.StatusCode == http.StatusUnauthorized {
			return nil, 0, errors.New("the collector requires its token: set --token or BEACON_TOKEN")
		}
		if why := strings.TrimSpace(string(text)); strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") && why != "" {
			return nil, 0, errors.New(why)
		}
		return nil, 0, fmt.Errorf("%s answers %s, as a collector never does: check the URL of --server", c.server, res.Status)
	}
	return res.Body, res.ContentLength, nil
}

// isTerminal reports whether the file is a terminal.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
