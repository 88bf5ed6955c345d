package httpserver

import (
	"errors"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"

	"golang.org/x/net/http2"
)

// newRequest makes the request of a header, and returns the header's size in bytes.
func (st *http2Stream) newRequest(f *http2.MetaHeadersFrame) (size int64, err error) {
	c := st.conn
	method, path, host := f.PseudoValue("method"), f.PseudoValue("path"), f.PseudoValue("authority")
	scheme := f.PseudoValue("scheme")
	connect := method == http.MethodConnect // has only an authority (RFC 9113, section 8.5)
	if method == "" || connect != (path == "") || connect != (scheme == "") || connect && host == "" {
		return 0, errors.New("a pseudo-header is missing, or there is one too many")
	}
	if connect {
		path = host
	}
	header := make(http.Header, len(f.Fields))
	values := make([]string, 0, len(f.Fields))
	for _, field := range f.RegularFields() {
		size += int64(field.Size())
		name := spellings[field.Name]
		if name == "" {
			name = textproto.CanonicalMIMEHeaderKey(field.Name)
		}
		switch name {
		case "Connection", "Proxy-Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade":
			return 0, errors.New("a header of HTTP/1.1")
		case "Te":
			if field.Value != "trailers" {
				return 0, errors.New("the header TE is not trailers")
			}
		case "Host":
			if host == "" {
				host = field.Value
			}
			continue
		case "Content-Length":
			n, err := strconv.ParseUint(field.Value, 10, 63)
			if err != nil || st.length >= 0 && st.length != int64(n) {
				return 0, errors.New("the content length is malformed")
			}
			st.length = int64(n)
		case "Cookie": // which a client may split (RFC 9113, section 8.2.3)
			if before := header[name]; before != nil {
				before[0] += "; " + field.Value
				continue
			}
		}
		if before := header[name]; before != nil {
			header[name] = append(before, field.Value)
			continue
		}
		values = append(values, field.Value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	u, err := c.parseTarget(method, path, host)
	if err != nil {
		return 0, err
	}
	r := &http.Request{
		Method: method, URL: u, RequestURI: path, Proto: "HTTP/2.0", ProtoMajor: 2, Header: header, Host: host,
		ContentLength: st.length, Body: (*http2Body)(st), RemoteAddr: c.remote, TLS: c.tls,
	}
	if st.whole {
		if st.length > 0 {
			return 0, errors.New("the content length is over 0, and there is no body")
		}
		r.ContentLength, r.Body = 0, http.NoBody
	}
	st.request = r.WithContext(st)
	return size + int64(len(path)+len(host)), nil
}

// parseTarget parses a path, which is mostly the one of the request before.
func (c *http2Conn) parseTarget(method, path, host string) (*url.URL, error) {
	if method == http.MethodConnect {
		return &url.URL{Host: host}, nil
	}
	if path != c.target {
		u, err := url.ParseRequestURI(path)
		if err != nil || path[0] != '/' && path != "*" {
			return nil, errors.Join(err, errors.New("the path is malformed"))
		}
		if len(path) > 1<<10 { // which is not kept while the connection idles
			return u, nil
		}
		c.target, c.parsed = path, *u
	}
	u := c.parsed
	return &u, nil
}
