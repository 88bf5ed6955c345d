package collect_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect"
)

// send has a collector answer one request, which comes from this machine to http://127.0.0.1:8080.
// header has names and values by turns.
func send(t *testing.T, h http.Handler, method, path, body string, header ...string) *http.Response {
	t.Helper()
	ended, end := context.WithCancel(t.Context())
	end() // a tail sends the newest beacons and returns
	r := httptest.NewRequestWithContext(ended, method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:40000"
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// operators opens a collector.
func operators(t *testing.T, o collect.Options) *collect.Collector {
	t.Helper()
	c, err := collect.Open(filepath.Join(t.TempDir(), "data"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// logIn returns the cookies of a login.
func logIn(t *testing.T, c http.Handler, header ...string) []*http.Cookie {
	t.Helper()
	res := send(t, c, "POST", "/-/login", token+"\n", header...)
	if res.StatusCode != http.StatusNoContent {
		t.Fatalf("login: %s: %s", res.Status, text(t, res))
	}
	return res.Cookies()
}

// admitted returns how many requests of operators a collector let through.
func admitted(c *collect.Collector) (n uint64) {
	for _, count := range c.Stats().Operators {
		n += count
	}
	return n
}

const (
	byForeign = "a page of another origin"
	byOwn     = "the collector's page"
	byProgram = "a program"
	byPerson  = "a person"
)

// causes are requests as browsers and programs send them.
var causes = []struct {
	name   string
	by     string
	header []string
}{
	{"a program", byProgram, nil},
	{"the page's fetch", byOwn, []string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Origin", "http://127.0.0.1:8080"}},
	{"the page's fetch through a proxy that changes Host", byOwn, []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://beacons.example"}},
	{"a typed URL", byPerson, []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
	{"the page's fetch without fetch metadata", byOwn, []string{"Origin", "http://127.0.0.1:8080"}},
	{"the page's EventSource without fetch metadata", byOwn, []string{"Referer", "http://127.0.0.1:8080/?x=y"}},
	{"the page behind a proxy with TLS, without fetch metadata", byOwn, []string{"Origin", "https://127.0.0.1:8080"}},
	{"another site's link", byForeign, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document", "Sec-Fetch-User", "?1"}},
	{"another site's form", byForeign, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Origin", "https://evil.example"}},
	{"another site's picture", byForeign, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}},
	{"another site's frame", byForeign, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}},
	{"a sibling domain's link", byForeign, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}},
	{"a sibling domain's EventSource", byForeign, []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Origin", "http://a.127.0.0.1:8080"}},
	{"a word that no browser sends", byForeign, []string{"Sec-Fetch-Site", "elsewhere"}},
	{"a page in a sandbox", byForeign, []string{"Origin", "null"}},
	{"a page in a sandbox, with fetch metadata", byForeign, []string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}},
	{"another origin without fetch metadata", byForeign, []string{"Origin", "http://127.0.0.1:9090"}},
	{"another origin's picture without fetch metadata", byForeign, []string{"Referer", "http://127.0.0.1:9090/"}},
}

// TestOperator_EachCauseCredentialAndEndpoint_OnlyOperatorsAreAnswered sends each combination.
func TestOperator_EachCauseCredentialAndEndpoint_OnlyOperatorsAreAnswered(t *testing.T) {
	c := operators(t, collect.Options{Token: token})
	login := logIn(t, c)[0].String()
	cookie, _, _ := strings.Cut(login, ";")
	before := admitted(c)
	endpoint := c.Operator("query", 1, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	credentials := []struct {
		name   string
		query  string
		header []string
		token  bool // a valid token
		cookie bool // a valid cookie
	}{
		{"nothing", "", nil, false, false},
		{"the token", "", []string{"Authorization", "Bearer " + token}, true, false},
		{"the token under bearer", "", []string{"Authorization", "bearer " + token}, true, false},
		{"a shorter token", "", []string{"Authorization", "Bearer " + token[1:]}, false, false},
		{"an empty token", "", []string{"Authorization", "Bearer "}, false, false},
		{"the token as a password", "", []string{"Authorization", "Basic " + token}, false, false},
		{"the token in the query", "?token=" + token, nil, false, false},
		{"the cookie", "", []string{"Cookie", cookie}, false, true},
		{"the cookie after another of that name", "", []string{"Cookie", "beacon-operator=x; " + cookie}, false, true},
		{"the cookie and a proxy's password", "", []string{"Cookie", cookie, "Authorization", "Basic eDp5"}, false, true},
		{"the token as the cookie", "", []string{"Cookie", "beacon-operator=" + token}, false, false},
		{"an empty cookie", "", []string{"Cookie", "beacon-operator="}, false, false},
	}
	endpoints := []struct {
		method, path string
		handler      http.Handler
	}{
		{"GET", "/-/tail", c}, {"HEAD", "/-/export", c}, {"GET", "/-/export", c}, {"POST", "/-/import", c}, {"GET", "/-/query", endpoint}, {"POST", "/-/query", endpoint},
	}
	answered := uint64(0)
	for _, cause := range causes {
		for _, credential := range credentials {
			want := http.StatusUnauthorized
			switch {
			case cause.by == byForeign, cause.by != byOwn && credential.cookie:
				want = http.StatusForbidden
			case credential.token, credential.cookie:
				want = http.StatusOK
			}
			for _, e := range endpoints {
				res := send(t, e.handler, e.method, e.path+credential.query, "", append(credential.header, cause.header...)...)
				if res.StatusCode != want {
					t.Errorf("%s %s by %s with %s: %s, want %d", e.method, e.path, cause.name, credential.name, res.Status, want)
				}
				if want == http.StatusOK {
					answered++
				} else if (want == http.StatusUnauthorized) != (res.Header.Get("WWW-Authenticate") != "") {
					t.Errorf("%s %s by %s with %s: WWW-Authenticate is %q", e.method, e.path, cause.name, credential.name, res.Header.Get("WWW-Authenticate"))
				}
				wantAdminHeaders(t, e.method+" "+e.path, res)
			}
		}
	}
	if got := admitted(c) - before; got != answered {
		t.Errorf("beacon_operator_requests_total rose by %v, want %v", got, answered)
	}
}

func wantAdminHeaders(t *testing.T, what string, res *http.Response) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Resource-Policy": "same-origin", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %s: %s is %q, want %q", what, res.Status, name, got, want)
		}
	}
}

func TestOperator_UnknownPathOrMethod_HasTheHeaders(t *testing.T) {
	c := operators(t, collect.Options{Token: token})
	for path, want := range map[string]int{"/-/none": 404, "/-/import": 405, "/-/login": 405} {
		res := send(t, c, "GET", path, "")
		if res.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", path, res.Status, want)
		}
		wantAdminHeaders(t, path, res)
	}
}

func TestOperator_NoToken_AllAreRefusedAndTheAnswerSaysHowToSetOne(t *testing.T) {
	c := operators(t, collect.Options{})
	for _, header := range [][]string{nil, {"Authorization", "Bearer "}, {"Cookie", "beacon-operator="}, {"Sec-Fetch-Site", "same-origin"}} {
		for _, e := range []struct{ method, path string }{{"GET", "/-/export"}, {"POST", "/-/login"}} {
			res := send(t, c, e.method, e.path, "", header...)
			if body := text(t, res); res.StatusCode != 403 || !strings.Contains(body, "Options.Token") {
				t.Errorf("%s with %q: %s %q", e.path, header, res.Status, body)
			}
		}
	}
	if res := send(t, c, "GET", "/-/healthz", ""); res.StatusCode != 200 {
		t.Errorf("health of this machine: %s", res.Status)
	}
	if got := admitted(c); got != 0 {
		t.Errorf("%v requests of operators", got)
	}
}

func TestHealth_EachPlace_OnlyThisMachineAndOperatorsAreAnswered(t *testing.T) {
	c := operators(t, collect.Options{Token: token})
	metrics := c.LocalOrOperator(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, x := range []struct {
		name   string
		remote string
		header []string
		status int
	}{
		{"this machine", "127.0.0.1:1", nil, 200},
		{"this machine by IPv6", "[::1]:1", []string{"Host", "[::1]:8080"}, 200},
		{"by the name localhost", "127.0.0.1:1", []string{"Host", "LOCALHOST:80"}, 200},
		{"by a name that was made to point here", "127.0.0.1:1", []string{"Host", "evil.example"}, 401},
		{"by that name, with the token", "127.0.0.1:1", []string{"Host", "evil.example", "Authorization", "Bearer " + token}, 200},
		{"another machine", "192.0.2.1:1", nil, 401},
		{"another machine that names this one", "192.0.2.1:1", []string{"Host", "127.0.0.1:8080"}, 401},
		{"another machine with the token", "192.0.2.1:1", []string{"Authorization", "Bearer " + token}, 200},
		{"through a proxy", "127.0.0.1:1", []string{"X-Forwarded-For", "198.51.100.7"}, 401},
		{"through a proxy that adds a line to an empty one", "127.0.0.1:1", []string{"X-Forwarded-For", "", "X-Forwarded-For", "198.51.100.7"}, 401},
	} {
		for _, path := range []string{"/-/healthz", "/-/readyz", "/-/metrics"} {
			var h http.Handler = c
			if path == "/-/metrics" {
				h = metrics
			}
			fromRemote := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.RemoteAddr = x.remote
				h.ServeHTTP(w, r)
			})
			res := send(t, fromRemote, "GET", path, "", x.header...)
			if res.StatusCode != x.status {
				t.Errorf("%s from %s: %s, want %d", path, x.name, res.Status, x.status)
			}
			wantAdminHeaders(t, path, res)
			for _, cause := range causes {
				if cause.by != byForeign {
					continue
				}
				if res := send(t, fromRemote, "GET", path, "", append(cause.header, x.header...)...); res.StatusCode != 403 {
					t.Errorf("%s from %s by %s: %s, want 403", path, x.name, cause.name, res.Status)
				}
			}
		}
	}
	if got := admitted(c); got != 0 {
		t.Errorf("health counts as %v requests of operators", got)
	}
}

func TestLogin_EachCause_OnlyTheTokenFromTheOwnPageSetsACookie(t *testing.T) {
	c := operators(t, collect.Options{Token: token})
	logins := uint64(0)
	for _, cause := range causes {
		for given, right := range map[string]bool{token: true, token + "x": false, "": false, strings.Repeat(token, 1000): false} {
			want := http.StatusUnauthorized
			switch {
			case cause.by == byForeign:
				want = http.StatusForbidden
			case right:
				want = http.StatusNoContent
				logins++
			}
			res := send(t, c, "POST", "/-/login", given, cause.header...)
			if res.StatusCode != want || (len(res.Cookies()) == 1) != (want == http.StatusNoContent) {
				t.Errorf("login by %s, the right token: %t: %s with cookies %v, want %d", cause.name, right, res.Status, res.Cookies(), want)
			}
			wantAdminHeaders(t, "login", res)
		}
		res := send(t, c, "POST", "/-/logout", "", cause.header...)
		if (len(res.Cookies()) == 0) != (cause.by == byForeign) {
			t.Errorf("logout by %s: %s with cookies %v", cause.name, res.Status, res.Cookies())
		}
		wantAdminHeaders(t, "logout", res)
	}
	if got := admitted(c); got != logins {
		t.Errorf("%v logins are counted, want %v", got, logins)
	}
	for _, query := range []string{"?token=" + token, "?" + token} {
		if res := send(t, c, "POST", "/-/login"+query, ""); res.StatusCode != 401 {
			t.Errorf("a login by the query: %s", res.Status)
		}
	}
}

func TestLogin_EachScheme_TheCookieFits(t *testing.T) {
	c := operators(t, collect.Options{Token: token, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	for _, x := range []struct {
		name   string
		header []string
		cookie string
		secure bool
	}{
		{"http", nil, "beacon-operator", false},
		{"https by a trusted proxy", []string{"X-Forwarded-Proto", "https", "X-Forwarded-For", "192.0.2.1"}, "__Host-beacon-operator", true},
		{"https by a trusted proxy with Forwarded", []string{"Forwarded", "for=192.0.2.1;proto=https"}, "__Host-beacon-operator", true},
	} {
		got := logIn(t, c, x.header...)[0]
		if got.Name != x.cookie || got.Secure != x.secure || !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/" ||
			got.Domain != "" || got.MaxAge != 30*24*60*60 || strings.Contains(got.Value, token) || len(got.Value) != 8+1+43 {
			t.Errorf("%s: the cookie is %s", x.name, got)
		}
		read := append(x.header, "Cookie", got.Name+"="+got.Value, "Sec-Fetch-Site", "same-origin")
		if res := send(t, c, "GET", "/-/export", "", read...); res.StatusCode != 200 {
			t.Errorf("%s: with the cookie: %s", x.name, res.Status)
		}
		gone := send(t, c, "POST", "/-/logout", "", x.header...).Cookies()
		if last := gone[len(gone)-1]; last.Name != x.cookie || last.MaxAge >= 0 || last.Secure != x.secure || last.Path != "/" {
			t.Errorf("%s: logging out sets %v", x.name, gone)
		}
	}
	untrusted := operators(t, collect.Options{Token: token})
	if got := logIn(t, untrusted, "X-Forwarded-Proto", "https")[0]; got.Secure {
		t.Errorf("a proxy that is not trusted made the cookie %s", got)
	}
}

// TestLogin_TheCollectorStartsAgain_TheCookieIsValidWhileTheTokenIs opens a folder again and again.
func TestLogin_TheCollectorStartsAgain_TheCookieIsValidWhileTheTokenIs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	cookie := ""
	for _, x := range []struct {
		token  string
		status int
	}{{token, 200}, {token, 200}, {token + "2", 401}} {
		c, err := collect.Open(dir, collect.Options{Token: x.token})
		if err != nil {
			t.Fatal(err)
		}
		if cookie == "" {
			cookie = logIn(t, c)[0].Value
		}
		if res := send(t, c, "GET", "/-/export", "", "Cookie", "beacon-operator="+cookie, "Sec-Fetch-Site", "same-origin"); res.StatusCode != x.status {
			t.Errorf("with the token %s: %s, want %d", x.token, res.Status, x.status)
		}
		c.Close()
	}
}

// A heldWriter is an answer whose client reads nothing until it is released.
type heldWriter struct {
	*httptest.ResponseRecorder
	released chan struct{}
}

func (w heldWriter) Write(b []byte) (int, error) {
	<-w.released
	return w.ResponseRecorder.Write(b)
}

func TestOperator_MostRequestsRun_OneMoreGets503(t *testing.T) {
	for _, x := range []struct {
		kind, method string
		most         int
	}{{"tail", "GET", 32}, {"export", "GET", 4}, {"import", "POST", 2}} {
		t.Run(x.kind, func(t *testing.T) {
			c := operators(t, collect.Options{Token: token})
			if res := send(t, c, "POST", "/x", "a beacon"); res.StatusCode != 204 {
				t.Fatal(res.Status)
			}
			release := make(chan struct{})
			var held sync.WaitGroup
			for range x.most {
				held.Go(func() {
					ended, end := context.WithCancel(t.Context())
					end()
					r := httptest.NewRequestWithContext(ended, x.method, "http://127.0.0.1:8080/-/"+x.kind, nil)
					r.Header.Set("Authorization", "Bearer "+token)
					c.ServeHTTP(heldWriter{httptest.NewRecorder(), release}, r)
				})
			}
			for deadline := time.Now().Add(10 * time.Second); c.Stats().Operators[x.kind] < uint64(x.most); time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%v requests run, want %d", c.Stats().Operators[x.kind], x.most)
				}
			}
			more := func() *http.Response {
				return send(t, c, x.method, "/-/"+x.kind, "", "Authorization", "Bearer "+token)
			}
			if res := more(); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || !strings.Contains(text(t, res), "try again") {
				t.Errorf("one more: %s %v", res.Status, res.Header)
			}
			close(release)
			held.Wait()
			if res := more(); res.StatusCode != 200 {
				t.Errorf("after they ended: %s", res.Status)
			}
			if got := c.Stats().Operators[x.kind]; got != uint64(x.most+1) {
				t.Errorf("%v requests are counted, want %d", got, x.most+1)
			}
		})
	}
}

// TestOperator_ARealServer_TheCookieWorks logs in over a connection, as a browser does.
func TestOperator_ARealServer_TheCookieWorks(t *testing.T) {
	_, at := open(t, collect.Options{})
	res := do(t, "POST", at+"/-/login", token, "Origin", at)
	if res.StatusCode != 204 {
		t.Fatalf("login: %s", res.Status)
	}
	cookie := res.Cookies()[0]
	u, _ := url.Parse(at)
	for _, x := range []struct {
		header []string
		status int
	}{
		{[]string{"Referer", at + "/"}, 200},
		{[]string{"Referer", "http://evil.example/"}, 403},
		{[]string{"Referer", at + "/", "Host", "evil.example"}, 403},
		{[]string{"Referer", "http://localhost:" + u.Port() + "/", "Host", "localhost:" + u.Port()}, 200},
	} {
		if res := do(t, "GET", at+"/-/export", "", append(x.header, "Cookie", cookie.Name+"="+cookie.Value)...); res.StatusCode != x.status {
			t.Errorf("with the cookie and %q: %s, want %d", x.header, res.Status, x.status)
		}
	}
}
