package httpserver

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// headLength returns the length of the header at the beginning of b with its empty line, where it is
// whole. Where it isn't, n is 0 if it can't become that of a plain request.
func headLength(b []byte) (n int, whole bool) {
	const post = "POST /"
	if k := min(len(b), len(post)); string(b[:k]) != post[:k] {
		return 0, false
	}
	for first := true; ; first = false {
		switch i := bytes.IndexByte(b[n:], '\n'); {
		case i < 0:
			return len(b), false
		case i == 0 || b[n+i-1] != '\r':
			return 0, false // net/http takes a bare line feed for a line's end
		case i == 1:
			return n + 2, true
		case first && !bytes.HasSuffix(b[:i], []byte(" HTTP/1.1\r")):
			return 0, false // such as a request line without a version, which is answered at once
		default:
			n += i + 1
		}
	}
}

// parse makes the connection's request of a header, and takes that from the reader. It is
// false, and nothing is taken, where the request is not plain.
func (c *http1Conn) parse(head []byte) bool {
	// A handler does not change a request's header (see http.Handler), so that of the last request is as it was.
	if string(head) != c.head && !c.parseHead(string(head)) {
		c.head = ""
		return false
	}
	c.in.Discard(len(head))
	c.request = *c.base
	c.url = c.parsed // which a handler may change
	c.request.Method, c.request.RequestURI, c.request.URL = http.MethodPost, c.target, &c.url
	c.request.Proto, c.request.ProtoMajor, c.request.ProtoMinor = "HTTP/1.1", 1, 1
	c.request.Host, c.request.ContentLength = c.host, int64(c.length)
	c.body = body{in: c.in, left: int64(c.length)}
	c.request.Body = &c.body
	if c.length == 0 {
		c.request.Body = http.NoBody
	}
	c.answer.reset()
	return true
}

// parseHead returns false where a request is not plain: by RFC 9112 it is then malformed, or asks for
// more than this server can do. The body of a plain request is bounded and its answer is in memory, so
// requests for the admin endpoints, whose answers can be long, are not plain.
func (c *http1Conn) parseHead(head string) bool {
	c.head = head
	line, text, _ := strings.Cut(head[:len(head)-2], "\r\n")
	target, ok := strings.CutSuffix(line[len("POST "):], " HTTP/1.1")
	if !ok || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }) {
		return false
	}
	if strings.HasPrefix(target, adminPrefix) {
		return false
	}
	if target != c.target {
		target = strings.Clone(target) // which would hold on to the whole header
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.HasPrefix(target, "//") {
			return false
		}
		c.target, c.parsed = target, *u
	}
	c.host, c.length, ok = c.fields(text)
	return ok
}

// spellings maps the names of common headers, as browsers and proxies write them and in lower case, to
// the form of net/http. To look one up costs less than to make it. lowercase maps back, for HTTP/2.
var spellings, lowercase = headerNames(
	"Host", "Connection", "Content-Length", "Content-Type", "Content-Encoding", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language",
	"Origin", "Referer", "Cookie", "Priority", "Cache-Control", "Authorization", "Idempotency-Key", "DNT", "Sec-GPC",
	"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform",
	"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-IP", "X-Request-ID",
	"Date", "Vary", "Retry-After", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Headers",
	"Access-Control-Allow-Methods", "Access-Control-Max-Age", "X-Content-Type-Options", "ETag",
)

func headerNames(names ...string) (canonical, lower map[string]string) {
	canonical, lower = map[string]string{}, map[string]string{}
	for _, name := range names {
		key := textproto.CanonicalMIMEHeaderKey(name)
		canonical[name], canonical[strings.ToLower(name)] = key, key
		lower[key] = strings.ToLower(name)
	}
	return canonical, lower
}

// fields puts the header's fields into the base's, all but Host.
func (c *http1Conn) fields(text string) (host string, length int, ok bool) {
	header, values := c.base.Header, c.values[:0]
	clear(header)
	length = -1
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n") // before which headLength has seen a carriage return
		name, value, found := strings.Cut(line[:len(line)-1], ":")
		if !found || !httpguts.ValidHeaderFieldValue(value) {
			return "", 0, false
		}
		value = textproto.TrimString(value) // of spaces and tabs; fields has no line breaks here
		if known := spellings[name]; known != "" {
			name = known
		} else if httpguts.ValidHeaderFieldName(name) {
			name = textproto.CanonicalMIMEHeaderKey(name)
		} else {
			return "", 0, false
		}
		switch name {
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

// decimal returns -1 for anything but digits.
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
