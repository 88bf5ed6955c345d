package clickhousetest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
)

// A InterceptFunc answers a request in place of the engine and returns true, or returns false to let it through. pass sends the
// request to the engine, whose answer it drops.
type InterceptFunc func(w http.ResponseWriter, r *http.Request, pass func()) bool

// Away is a InterceptFunc that closes the connection of each request.
func Away(http.ResponseWriter, *http.Request, func()) bool { panic(http.ErrAbortHandler) }

// Refuse returns a InterceptFunc that answers each request with an error of ClickHouse.
func Refuse(code, text string) InterceptFunc {
	return func(w http.ResponseWriter, _ *http.Request, _ func()) bool {
		w.Header().Set("X-ClickHouse-Exception-Code", code)
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "Code: "+code+". DB::Exception: "+text)
		return true
	}
}

// Intercept has f answer requests in place of the engine, from the next request on. nil ends that.
func (e *Engine) Intercept(f InterceptFunc) {
	if f == nil {
		e.fail.Store(nil)
		return
	}
	e.fail.Store(&f)
}

// startProxy starts the proxy, which ends with the test.
func (e *Engine) startProxy() {
	e.t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: e.own})
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := e.fail.Load(); f != nil && (*f)(w, r, func() { proxy.ServeHTTP(httptest.NewRecorder(), r) }) {
			return
		}
		proxy.ServeHTTP(w, r)
	})}
	go server.Serve(l)
	e.t.Cleanup(func() { server.Close() })
	e.Address = l.Addr().String()
}
