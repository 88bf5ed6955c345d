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

// A client asks a collector's operators' pages.
type client struct{ server, token string }

func (c *client) flags(f *pflag.FlagSet) {
	f.StringVar(&c.server, "server", "http://"+defaultListen, "the collector's `URL`")
	f.StringVar(&c.token, "token", "", "the collector's token")
}

// get asks for a page below /-/ and returns its body.
func (c *client) get(ctx context.Context, page string, query url.Values) (io.ReadCloser, error) {
	base, err := url.Parse(c.server)
	if err != nil || base.Host == "" {
		return nil, usagef("--server %q is no URL: write it like http://%s", c.server, defaultListen)
	}
	u := base.JoinPath("-", page)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, usageError{err}
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := http.DefaultClient.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf("no collector answers at %s: start one with 'beacon serve', or name another with --server", c.server)
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		defer res.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
		if res.StatusCode == http.StatusUnauthorized {
			return nil, errors.New("the collector asks for its token: give it with --token, or in BEACON_TOKEN")
		}
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return res.Body, nil
}

// isTerminal says whether a person is looking at the file.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
