package plainhttp

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// headLength is how long the header at the beginning of b is, where it is whole, its empty
// line included. Where it isn't, 0 says that it won't be a plain one.
func headLength(b []byte) (n int, whole bool) {
	const post = "POST /"
	if k := min(len(b), len(post)); string(b[:k]) != post[:k] {
		return 0, false
	}
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		return i + 4, true
	}
	if bytes.Count(b, []byte("\n")) != bytes.Count(b, []byte("\r\n")) {
		return 0, false // net/http takes a bare line feed for a line's end
	}
	return len(b), false
}

// parse makes the connection's request of a header, and takes that from the reader. It is
// false, and nothing is taken, where the request is not plain: by RFC 9112 it is then
// malformed, or asks for more than this can do. Operators' paths and what a handler might
// want to stream are not told apart here: a plain request has a body that is bounded and an
// answer that is whole.
func (c *conn) parse(head []byte) bool {
	text := string(head[:len(head)-2])
	line, text, _ := strings.Cut(text, "\r\n")
	target, ok := strings.CutSuffix(line[len("POST "):], " HTTP/1.1")
	if !ok || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
		return false
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || strings.HasPrefix(target, "//") {
		return false
	}
	host, length, ok := fields(text, c.base.Header)
	if !ok {
		return false
	}
	c.in.Discard(len(head))
	c.request = *c.base
	c.request.Method, c.request.RequestURI, c.request.URL = http.MethodPost, target, u
	c.request.Proto, c.request.ProtoMajor, c.request.ProtoMinor = "HTTP/1.1", 1, 1
	c.request.Host, c.request.ContentLength = host, int64(length)
	c.body = body{c.in, int64(length)}
	c.request.Body = &c.body
	if length == 0 {
		c.request.Body = http.NoBody
	}
	c.answer.reset()
	return true
}

// fields puts the header's fields into header, all but Host.
func fields(text string, header http.Header) (host string, length int, ok bool) {
	clear(header)
	values := make([]string, 0, 16) // one for all, as they are mostly one for each name
	length = -1
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\r\n")
		name, value, found := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return "", 0, false
		}
		switch name = textproto.CanonicalMIMEHeaderKey(name); name {
		case "Host":
			if host != "" || value == "" || !httpguts.ValidHostHeader(value) {
				return "", 0, false
			}
			host = value
			continue
		case "Content-Length":
			if length >= 0 {
				return "", 0, false
			}
			if length = decimal(value); length < 0 || length > bodyBytes {
				return "", 0, false
			}
		case "Connection":
			if !strings.EqualFold(value, "keep-alive") {
				return "", 0, false
			}
		case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Te", "Proxy-Connection", "Http2-Settings", "Pragma":
			return "", 0, false
		}
		if before := header[name]; before != nil {
			header[name] = append(before, value)
			continue
		}
		values = append(values, value)
		header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return host, length, host != "" && length >= 0
}

// decimal is -1 for what is no plain number.
func decimal(s string) (n int) {
	if s == "" || len(s) > 9 {
		return -1
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = 10*n + int(s[i]-'0')
	}
	return n
}
