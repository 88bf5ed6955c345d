package beacontest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// An Option says something about an answer, or which requests it is for. The order of
// options does not matter.
type Option func(*answer)

// An answer is what a test wants otherwise than the real collector has it.
type answer struct {
	preflight bool   // it is for preflights, else for all other requests
	stream    string // it is for, "" is any

	unread, keep bool            // before the wait
	until        <-chan struct{} // nil is not waited for
	delay        time.Duration
	drop         bool        // after it there is no answer
	status       int         // 0: the real collector's
	header       http.Header // in place of the real collector's
	noCORS       bool
}

// Answer says how the next request is answered for which there is no Answer yet; preflights
// count only if the options have [OnPreflight]. What the options leave open is as the real
// collector has it, so Answer() is what lets one request through.
func (c *Collector) Answer(options ...Option) {
	a := newAnswer(options)
	c.change(func() { c.next = append(c.next, a) })
}

// AnswerAll says how all requests are answered from now on, or those of [OnStream], or with
// [OnPreflight] all preflights. An [Collector.Answer] comes first; of several AnswerAll the
// last one counts that is for the request. AnswerAll() is the real collector again.
func (c *Collector) AnswerAll(options ...Option) {
	a := newAnswer(options)
	c.change(func() { c.all = append(c.all, a) })
}

func newAnswer(options []Option) (a answer) {
	for _, o := range options {
		o(&a)
	}
	return a
}

// OnStream has the answer be for requests to this path only.
func OnStream(path string) Option { return func(a *answer) { a.stream = path } }

// OnPreflight has the answer be for preflights, the OPTIONS that browsers send before
// beacons whose Content-Type is not CORS-safelisted, and for nothing else.
func OnPreflight() Option { return func(a *answer) { a.preflight = true } }

// Status answers with this status and no body. A beacon is kept if it is 2xx. Status panics if
// no answer can have the code: those that can are 200 to 599.
func Status(code int) Option {
	if code < 200 || code > 599 {
		panic(fmt.Sprintf("beacontest: %d is not the status of an answer: use one from 200 to 599", code))
	}
	return func(a *answer) { a.status = code }
}

// Header sets a header of the answer in place of the real collector's. Given twice, the name
// has both values.
func Header(name, value string) Option {
	return func(a *answer) {
		if a.header == nil {
			a.header = http.Header{}
		}
		a.header.Add(name, value)
	}
}

// RetryAfter asks the sender to wait, in whole seconds, of which a part counts as one (RFC
// 9110, section 10.2.3).
func RetryAfter(d time.Duration) Option {
	return Header("Retry-After", strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10))
}

// Redirect answers with this status, such as 307, and sends the client to url, which may be
// relative.
func Redirect(code int, url string) Option {
	status, location := Status(code), Header("Location", url)
	return func(a *answer) { status(a); location(a) }
}

// NoCORS leaves out the headers with which the real collector lets pages of any origin
// send. With [Header] a test can have its own.
func NoCORS() Option { return func(a *answer) { a.noCORS = true } }

// Keep keeps a beacon as soon as it was read, whatever its answer will be: with [Drop] it is
// the server that took a beacon and whose answer was lost.
func Keep() Option { return func(a *answer) { a.keep = true } }

// Unread does what the options say before the body is read. Nothing is kept, and the
// [Request] has no Body.
func Unread() Option { return func(a *answer) { a.unread = true } }

// Delay waits before the answer. If the client goes away meanwhile, a beacon is kept only by
// [Keep].
func Delay(d time.Duration) Option { return func(a *answer) { a.delay = d } }

// Until is a Delay that ends when the test closes the channel.
func Until(open <-chan struct{}) Option { return func(a *answer) { a.until = open } }

// Hang gives no answer, and holds the request until its client gives up or the collector
// closes.
func Hang() Option { return Until(make(chan struct{})) }

// Drop gives no answer: it closes the connection, and with HTTP/2 resets the stream. Note
// that net/http's Transport sends a request with an Idempotency-Key again by itself if a
// connection that it has used before is dropped.
func Drop() Option { return func(a *answer) { a.drop = true } }

// answerTo is the answer to a request to this stream; the zero answer is the real
// collector's.
func (c *Collector) answerTo(preflight bool, stream string) (found answer) {
	c.change(func() {
		for i, a := range c.next {
			if a.isFor(preflight, stream) {
				c.next = append(c.next[:i:i], c.next[i+1:]...)
				found = a
				return
			}
		}
		for _, a := range c.all {
			if a.isFor(preflight, stream) {
				found = a
			}
		}
	})
	return found
}

func (a *answer) isFor(preflight bool, stream string) bool {
	return a.preflight == preflight && (a.stream == "" || a.stream == stream)
}
