package conformance

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// An answer is what the collector says to the requests for one place, as a rule's answers
// have it. The zero answer is 204.
type answer struct {
	Status   int
	Location string
	Headers  map[string]string
	Cookies  []string
	// Allow adds the CORS headers that let the asking origin through, here and in the preflight.
	Allow bool
	// Preflight is the answer to OPTIONS; its own Allow is that of the answer.
	Preflight *answer
	// Delay is in milliseconds. Hold is until the page asks for the release, or the rule's
	// script is done. Abort closes the connection instead.
	Delay       int
	Hold, Abort bool
}

// A visit is one run of one rule: what it wants answered, and what came.
type visit struct {
	token    string
	answers  map[string]answer
	requests []*request
	released map[string]bool
	over     bool // its script is done: nothing is held any more
}

// A request is one that the collector saw. Its fields are the headers, by their names in
// lower case, and some that the rules are written in: at, method, body, hex, size.
type request struct {
	at, method string
	fields     map[string]any
	done       bool
}

// A collector keeps the requests of each visit. A path that has no token in it belongs to
// the visit that goes on.
type collector struct {
	sites   *sites
	mu      sync.Mutex
	changed *sync.Cond
	visits  map[string]*visit
	current *visit
}

func newCollector(s *sites) *collector {
	c := &collector{sites: s, visits: map[string]*visit{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

func (c *collector) begin(v *visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.released = map[string]bool{}
	c.visits[v.token], c.current = v, v
}

// until waits, holding the lock whenever it looks, for a condition to hold.
func (c *collector) until(patience time.Duration, holds func() bool) {
	deadline := time.Now().Add(patience)
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !holds() && time.Now().Before(deadline) {
		c.changed.Wait()
	}
}

// await lets go of what is held, and waits until n requests of the visit are answered, or
// for as long as the last of them could take.
func (c *collector) await(v *visit, n int, patience time.Duration) {
	c.mu.Lock()
	v.over = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.until(patience, func() bool { return v.done() >= n })
}

func (v *visit) done() int {
	n := 0
	for _, r := range v.requests {
		if r.done {
			n++
		}
	}
	return n
}

// seen is what has come in the visit, in the order in which it came.
func (c *collector) seen(v *visit) []*request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(v.requests)
}

// going is the visit that goes on.
func (c *collector) going() *visit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// arrived waits until a request for the place is there, by any method if that is "", and
// answered if it has to be.
func (c *collector) arrived(v *visit, at, method string, answered bool, patience time.Duration) (found *request) {
	c.until(patience, func() bool {
		for _, r := range v.requests {
			if r.at == at && (method == "" || r.method == method) && (r.done || !answered) {
				found = r
				return true
			}
		}
		return false
	})
	return found
}

func (c *collector) release(v *visit, at string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.released[at] = true
	c.changed.Broadcast()
}

// answer has what comes to a place from now on answered in another way.
func (c *collector) answer(v *visit, at string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.answers == nil {
		v.answers = map[string]answer{}
	}
	v.answers[at] = a
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // a request that is cut short never came
	}
	c.mu.Lock()
	// Through a proxy the whole URL is asked for.
	v, place := c.current, strings.TrimPrefix(r.RequestURI, "http://"+r.Host)
	if rest, ok := strings.CutPrefix(place, "/c/"); ok {
		token, rest, _ := strings.Cut(rest, "/")
		if known := c.visits[token]; known != nil {
			v, place = known, "/"+rest
		}
	}
	at := c.sites.name(r) + place
	seen := &request{at, r.Method, fields(c.sites, r, at, body), false}
	v.requests = append(v.requests, seen)
	path, _, _ := strings.Cut(at, "?")
	a := v.answers[path]
	c.changed.Broadcast()
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		seen.done = true
		c.changed.Broadcast()
	}()

	if r.Method == http.MethodOptions {
		allow := a.Allow
		a = answer{}
		if p := v.answers[path].Preflight; p != nil {
			a = *p
		}
		a.Allow = a.Allow || allow
	}
	time.Sleep(time.Duration(a.Delay) * time.Millisecond)
	if a.Hold {
		c.mu.Lock()
		for !v.over && !v.released[path] {
			c.changed.Wait()
		}
		c.mu.Unlock()
	}
	if a.Abort {
		panic(http.ErrAbortHandler)
	}
	a.write(w, r, c.sites, v.token)
}

func (a answer) write(w http.ResponseWriter, r *http.Request, s *sites, token string) {
	h := w.Header()
	if a.Allow {
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Headers", "content-type")
	}
	for name, value := range a.Headers {
		h.Set(name, s.urls("").Replace(value))
		if value == "" {
			h.Del(name)
		}
	}
	for _, cookie := range a.Cookies {
		h.Add("Set-Cookie", cookie)
	}
	if a.Location != "" {
		h.Set("Location", s.urls(token).Replace(a.Location))
	}
	if a.Status == 0 {
		a.Status = http.StatusNoContent
	}
	w.WriteHeader(a.Status)
}

// fields is the request as the rules see it: the origins by their names, the boundary of
// a multipart body, which the page makes up, as BOUNDARY, and the cookies in order.
func fields(s *sites, r *http.Request, at string, body []byte) map[string]any {
	f := map[string]any{"at": at, "method": r.Method, "size": len(body), "hex": hex.EncodeToString(body)}
	for name, values := range r.Header {
		f[strings.ToLower(name)] = s.names.Replace(strings.Join(values, ", "))
	}
	text := string(body)
	if ct, _ := f["content-type"].(string); strings.HasPrefix(ct, "multipart/form-data; boundary=") {
		boundary := strings.TrimPrefix(ct, "multipart/form-data; boundary=")
		f["content-type"] = "multipart/form-data; boundary=BOUNDARY"
		text = strings.ReplaceAll(text, boundary, "BOUNDARY")
	}
	if cookie, ok := f["cookie"].(string); ok {
		pairs := strings.Split(cookie, "; ")
		slices.Sort(pairs)
		f["cookie"] = strings.Join(pairs, "; ")
	}
	if referer := r.Header.Get("Referer"); referer != "" {
		f["referer length"] = len(referer)
	}
	f["body"] = text
	if !utf8.ValidString(text) {
		f["body"] = "(bytes)"
	}
	return f
}

// MarshalJSON has a request with all its fields.
func (r *request) MarshalJSON() ([]byte, error) { return json.Marshal(r.fields) }
