package beacontest

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// maxBody is the real collector's default, in bytes.
const maxBody = 1 << 20

// serve reads a request, has the real collector answer it, and makes of that answer what
// the test wants.
func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	c.change(func() { c.serving++ })
	defer c.change(func() { c.serving-- })

	q := &request{Request: Request{
		Method: r.Method, Proto: r.Proto, Header: r.Header.Clone(), ReceivedAt: time.Now(),
		ContentType: r.Header.Get("Content-Type"), Key: strings.Trim(r.Header.Get("Idempotency-Key"), `" `),
	}}
	q.Stream, q.Query = row.Target(r.RequestURI)
	a := c.answerTo(isPreflight(r.Method, r.Header), q.Stream)
	if a.unread && r.ProtoMajor == 1 {
		// Else the server would read on for a while before it writes. What is left of the
		// body then ends the connection.
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Connection", "close")
	}
	res := q.read(r, a.unread)

	c.change(func() {
		c.requests = append(c.requests, q)
		if a.keep {
			c.keep(q)
		}
	})
	if !c.wait(r, a) || a.drop {
		panic(http.ErrAbortHandler)
	}
	a.alter(res)
	c.change(func() {
		q.Status = res.Code
		if res.Code/100 == 2 {
			c.keep(q)
		}
	})
	maps.Copy(w.Header(), res.Header())
	w.WriteHeader(res.Code)
	w.Write(res.Body.Bytes())
}

// read reads the body, and returns the real collector's answer to it. The record that the
// real one would keep is what the request is decoded from.
func (q *request) read(r *http.Request, unread bool) *httptest.ResponseRecorder {
	r = r.WithContext(r.Context()) // a copy
	switch {
	case unread:
		r.Body, r.ContentLength = http.NoBody, 0
	case r.ContentLength <= maxBody: // else it is refused as it is
		var err error
		q.Body, err = io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(q.Body), failing{err}))
	}
	res := httptest.NewRecorder()
	collect.Handler(func(record []byte) error {
		if unread {
			return nil
		}
		kept, _, err := warc.Parse(record)
		if err != nil {
			return err
		}
		decoded := row.Of(&kept)
		q.id, q.Kind, q.Data, q.Error = decoded.ID, decoded.Kind, bytes.Clone(decoded.Data), decoded.Error
		return nil
	}, collect.Options{MaxBody: maxBody}).ServeHTTP(res, r)
	if res.Code >= 400 {
		q.Error = strings.TrimSpace(res.Body.String())
	}
	return res
}

// failing is what comes after the bytes of a body: its error, or its end.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// wait says whether it is to be answered after all.
func (c *Collector) wait(r *http.Request, a answer) bool {
	return (a.until == nil || waited(c, r, a.until)) && (a.delay <= 0 || waited(c, r, time.After(a.delay)))
}

func waited[T any](c *Collector, r *http.Request, over <-chan T) bool {
	select {
	case <-over:
		return true
	case <-r.Context().Done():
	case <-c.closed:
	}
	return false
}

// alter makes the test's answer of the real one.
func (a *answer) alter(real *httptest.ResponseRecorder) {
	h := real.Header()
	if a.status != 0 {
		real.Code = a.status
		real.Body.Reset()
		h.Del("Content-Type")
		h.Del("X-Content-Type-Options")
	}
	if a.noCORS {
		h.Del("Vary")
		maps.DeleteFunc(h, func(name string, _ []string) bool { return strings.HasPrefix(name, "Access-Control-") })
	}
	maps.Copy(h, a.header)
}

// keep is called by a change.
func (c *Collector) keep(q *request) {
	if q.id == uuid.Nil {
		return // it is no beacon
	}
	q.Kept = true
	if !c.isKept[q.id] {
		c.isKept[q.id] = true
		c.kept = append(c.kept, q)
	}
}

// isPreflight is Fetch's "CORS-preflight request".
func isPreflight(method string, header http.Header) bool {
	return method == http.MethodOptions && header.Get("Access-Control-Request-Method") != ""
}
