package clickhouse

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// queryTimeout is how long a query or an INSERT may take. One that was cut off is made again with the same token.
	queryTimeout = 2 * time.Minute
	// mutationTimeout is how long the erasure of rows may take: it reads the ids of the whole table.
	mutationTimeout = time.Hour
	dialTimeout     = 5 * time.Second
	// mostAnswer is how many bytes of an answer are read.
	mostAnswer = 16 << 20
	// mostError is how many bytes of an error's text are kept.
	mostError = 500
)

// A client asks ClickHouse over its HTTP interface. It is safe for concurrent use.
type client struct {
	target   *Target
	password func() (string, error)
	http     *http.Client
}

// newClient returns a client. ca is a PEM file of the certificates that are trusted, or "" for those of the system.
func newClient(t *Target, password func() (string, error), ca string) (*client, error) {
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout: dialTimeout,
		IdleConnTimeout:     2 * time.Second, // ClickHouse closes idle connections after three, or ten
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read the authorities of ClickHouse's certificate: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate\nhint: it must be a PEM file, with BEGIN CERTIFICATE", ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client{target: t, password: password, http: &http.Client{Transport: transport, CheckRedirect: refuse}}, nil
}

// An Error is an answer of ClickHouse other than 200.
type Error struct {
	Status int
	Code   int    // ClickHouse's number of the error, or 0
	Text   string // at most mostError bytes
}

func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("ClickHouse answers %d: %s", e.Status, e.Text)
	}
	return "ClickHouse: " + e.Text
}

// query runs a query and returns the fields of each line of its answer, which is in the format TabSeparated. Texts in it
// are as the format escapes them.
func (c *client) query(ctx context.Context, query string) ([][]string, error) {
	text, err := c.send(ctx, queryTimeout, query, nil, nil)
	if err != nil {
		return nil, err
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return rows, nil
}

// run runs a statement without an answer.
func (c *client) run(ctx context.Context, timeout time.Duration, statement string, settings url.Values) error {
	_, err := c.send(ctx, timeout, statement, nil, settings)
	return err
}

// insert runs an INSERT with the rows of body.
func (c *client) insert(ctx context.Context, statement string, body [][]byte, settings url.Values) error {
	settings.Set("async_insert", "0") // else the answer does not mean that the rows are stored
	_, err := c.send(ctx, queryTimeout, statement, body, settings)
	return err
}

func (c *client) send(ctx context.Context, timeout time.Duration, query string, body [][]byte, settings url.Values) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	values := url.Values{"wait_end_of_query": {"1"}} // else the status is sent before the query has ended
	for name, value := range settings {
		values[name] = value
	}
	size, readers := 0, []io.Reader{}
	if body == nil {
		body = [][]byte{[]byte(query)}
	} else {
		values.Set("query", query)
	}
	for _, b := range body {
		size += len(b)
		readers = append(readers, strings.NewReader(stringOf(b)))
	}
	u := url.URL{Scheme: "http", Host: c.target.Host, Path: "/", RawQuery: values.Encode()}
	if c.target.TLS {
		u.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), io.MultiReader(readers...))
	if err != nil {
		return nil, err
	}
	req.ContentLength = int64(size)
	req.Header.Set("User-Agent", "beacon")
	if c.target.User != "" {
		req.Header.Set("X-ClickHouse-User", c.target.User)
	}
	if c.password != nil {
		password, err := c.password()
		if err != nil {
			return nil, err
		}
		req.Header.Set("X-ClickHouse-Key", password)
	}
	res, err := c.http.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) { // its text would have the whole query
			err = inner.Err
		}
		return nil, fmt.Errorf("ask ClickHouse at %s: %w", c.target.Host, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("read ClickHouse's answer: %w", err)
	}
	if res.StatusCode == http.StatusOK && res.Header.Get("X-ClickHouse-Exception-Code") == "" {
		return text, nil
	}
	return nil, newError(res, string(text))
}

var codeInText = regexp.MustCompile(`^Code: (\d+)\. `)

func newError(res *http.Response, text string) *Error {
	e := &Error{Status: res.StatusCode, Text: strings.TrimSpace(text)}
	e.Code, _ = strconv.Atoi(res.Header.Get("X-ClickHouse-Exception-Code"))
	if m := codeInText.FindStringSubmatch(e.Text); m != nil && e.Code == 0 {
		e.Code, _ = strconv.Atoi(m[1])
	}
	if len(e.Text) > mostError {
		e.Text = strings.ToValidUTF8(e.Text[:mostError], "") + "…"
	}
	return e
}
