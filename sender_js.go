package beacon

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall/js"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/outbox"
)

const (
	// maxBody is the most bytes of the bodies that a page may have under way after its end (Fetch,
	// "HTTP-network-or-cache fetch").
	maxBody      = 64 << 10
	defaultAgent = "" // the browser's own
)

// A queue has the fetches of a Sender that are under way.
type queue struct {
	mu      sync.Mutex
	closed  bool
	fetches map[chan struct{}]int // bytes of the body, by the channel that is closed at the end
}

func (q *queue) init(string) { q.fetches = map[chan struct{}]int{} }

func (s *Sender) start(bool) error { return nil }

// forbidden returns why nothing may be sent, or nil.
func (s *Sender) forbidden() error {
	if s.config.Disabled {
		return errDisabled
	}
	if err := outbox.Disabled(); err != nil || !s.config.HonorDoNotTrack {
		return err
	}
	if navigator("globalPrivacyControl").Truthy() || navigator("doNotTrack").Equal(js.ValueOf("1")) {
		return ErrDoNotTrack
	}
	return nil
}

// navigator returns a property of the browser's navigator, or undefined.
func navigator(property string) js.Value {
	if n := js.Global().Get("navigator"); n.Truthy() {
		return n.Get(property)
	}
	return js.Undefined()
}

// put passes a request to the browser. It does not block, because an event's handler may call it while the page
// ends. The id is always zero.
func (s *Sender) put(r request) (id uuid.UUID, err error) {
	if err := s.forbidden(); err != nil {
		return id, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return id, ErrClosed
	}
	defer func() {
		switch thrown := recover().(type) {
		case nil:
		case js.Error:
			err = typeErrorf("%v", thrown)
		default:
			panic(thrown)
		}
	}()
	body, ok := beaconBody(r.body, r.contentType)
	if !ok || r.method != http.MethodPost || len(r.header) > 0 || r.agent != "" || r.key != "" || !navigator("sendBeacon").Truthy() {
		return id, s.fetch(r)
	}
	if !js.Global().Get("navigator").Call("sendBeacon", r.url, body).Bool() {
		return id, ErrFull
	}
	return id, nil
}

// beaconBody returns the body of sendBeacon that the browser sends with this Content-Type. It returns false if the
// browser would change the Content-Type: a Blob's type is in lower case.
func beaconBody(b []byte, contentType string) (js.Value, bool) {
	switch text := string(b); contentType {
	case "":
		return bytesOf(b), true
	case "text/plain;charset=UTF-8":
		decoder := js.Global().Get("TextDecoder").New("utf-8", map[string]any{"ignoreBOM": true})
		return decoder.Call("decode", bytesOf(b)), utf8.ValidString(text)
	case "application/x-www-form-urlencoded;charset=UTF-8":
		params := js.Global().Get("URLSearchParams").New(text)
		return params, params.Call("toString").String() == text
	}
	blob := js.Global().Get("Blob").New([]any{bytesOf(b)}, map[string]any{"type": contentType})
	return blob, blob.Get("type").String() == contentType
}

func bytesOf(b []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}

// byteString returns a value of a header in which each byte is a character, as Headers wants it.
func byteString(s string) string {
	characters := make([]rune, len(s))
	for i := range len(s) {
		characters[i] = rune(s[i])
	}
	return string(characters)
}

// fetch sends what sendBeacon can't.
func (s *Sender) fetch(r request) error {
	underWay := len(r.body)
	for _, size := range s.fetches {
		underWay += size
	}
	if underWay > maxBody {
		return ErrFull
	}
	header := js.Global().Get("Headers").New()
	set := func(name, value string) {
		if value != "" {
			header.Call("append", name, byteString(value))
		}
	}
	set("Content-Type", r.contentType)
	set("User-Agent", r.agent)
	set(outbox.KeyHeader, r.key)
	for name, values := range r.header {
		for _, value := range values {
			set(name, value)
		}
	}
	init := map[string]any{"method": r.method, "headers": header, "keepalive": true}
	if len(r.body) > 0 {
		init["body"] = bytesOf(r.body)
	}
	// Request throws what fetch would return in its promise. Firefox loses keepalive if fetch gets the Request.
	checked := js.Global().Get("Request").New(r.url, init)
	if scheme, _, _ := strings.Cut(checked.Get("url").String(), ":"); !isHTTP(scheme) {
		return wrongScheme(r.url, scheme)
	}
	answer, done := make(chan js.Value, 1), make(chan struct{})
	settle := js.FuncOf(func(_ js.Value, args []js.Value) any { answer <- args[0]; return nil })
	s.fetches[done] = len(r.body)
	// settle throws after the Go program ended. catch(Object) ignores that.
	js.Global().Call("fetch", r.url, init).Call("then", settle, settle).Call("catch", js.Global().Get("Object"))
	go func() {
		s.report(r.url, <-answer)
		settle.Release()
		s.mu.Lock()
		delete(s.fetches, done)
		s.mu.Unlock()
		close(done)
	}()
	return nil
}

// report logs a fetch that failed. The answer is a Response or an Error.
func (s *Sender) report(url string, answer js.Value) {
	switch status := answer.Get("status"); {
	case s.config.Logger == nil || answer.Get("ok").Truthy():
	case status.Type() == js.TypeNumber:
		s.config.Logger.Warn("beacon was refused", "url", url, "status", status.Int())
	default:
		s.config.Logger.Warn("beacon failed, or its answer can't be read", "url", url, "error", answer.Get("message").String())
	}
}

func (s *Sender) flush(ctx context.Context) error {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.fetches))
	s.mu.Unlock()
	for i, done := range all {
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("%d beacons may be under way: %w", len(all)-i, ctx.Err())
		}
	}
	return nil
}

func (s *Sender) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *Sender) pending() iter.Seq2[Beacon, error] {
	return func(yield func(Beacon, error) bool) { yield(Beacon{}, wrap("pending", outbox.ErrNoOutbox)) }
}

func (s *Sender) drop([]uuid.UUID) error { return outbox.ErrNoOutbox }

func (s *Sender) status() (Status, error) { return readStatus("") }

func readStatus(string) (Status, error) { return Status{}, outbox.ErrNoOutbox }
