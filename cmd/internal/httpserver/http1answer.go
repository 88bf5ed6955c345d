package httpserver

import (
	"bytes"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

// An answer is the http.ResponseWriter of a plain request. It goes out when the handler is
// done, as a whole.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) reset() {
	if a.header == nil {
		a.header = http.Header{}
	}
	clear(a.header)
	a.status = 0
	a.body.Reset()
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	return a.body.Write(b)
}

// appendTo appends the answer as it goes over the wire.
func (a *answer) appendTo(b []byte) []byte {
	a.WriteHeader(http.StatusOK)
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(a.status)...)
	b = append(b, "\r\nDate: "...)
	b = append(b, date()...)
	b = append(b, "\r\n"...)
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		a.header.Set("Content-Length", strconv.Itoa(a.body.Len()))
		if a.body.Len() > 0 && a.header.Get("Content-Type") == "" {
			a.header.Set("Content-Type", http.DetectContentType(a.body.Bytes()))
		}
	}
	b = a.appendHeader(b)
	b = append(b, "\r\n"...)
	return append(b, a.body.Bytes()...)
}

// lineBreaks are what a header's value must not have.
var lineBreaks = strings.NewReplacer("\n", " ", "\r", " ")

// appendHeader does as http.Header.Write does, but in no order, as sorting costs more than all
// else of a short answer.
func (a *answer) appendHeader(b []byte) []byte {
	for name, values := range a.header {
		if !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		for _, value := range values {
			b = append(b, name...)
			b = append(b, ": "...)
			if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
				value = lineBreaks.Replace(value)
			}
			b = append(b, textproto.TrimString(value)...)
			b = append(b, "\r\n"...)
		}
	}
	return b
}

// today is the Date of this second.
var today atomic.Pointer[dated]

type dated struct {
	second int64
	text   string
}

func date() string {
	now := time.Now()
	if d := today.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &dated{now.Unix(), now.UTC().Format(http.TimeFormat)}
	today.Store(d)
	return d.text
}
