// Package page is a JavaScript page in a Go program: classic scripts on one global object, with the
// navigator.sendBeacon of the Beacon standard and the interfaces that it needs, an event loop, and the life of a
// page from load to unload.
//
//	p, err := page.New(page.Options{URL: "https://shop.example/"})
//	…
//	defer p.Close(ctx)
//	err = p.Run(ctx, "app.js", source)
//
// # Limits
//
//   - The engine, goja, implements most of ECMAScript, but not modules, async generators, SharedArrayBuffer and
//     resizable buffers.
//   - The document is not rendered. It has a URL, a readyState, a visibilityState, events, links that can be
//     clicked, and a head and a body to which scripts can append elements.
//   - Elements load nothing, and a meta element sets nothing.
//   - The page navigates to its own fragments only.
package page

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// Options are the settings of a page. The zero Options make a page at about:blank.
type Options struct {
	// URL is the page's URL. The page has its origin, and relative URLs are relative to it. Default: that of
	// Navigator.Page.
	URL string
	// Navigator has the user agent, the header and the settings of the page. The page copies them, and so does not
	// change Navigator.Page. Each page has a keepalive quota of its own. Default: the zero Navigator.
	Navigator *navigator.Navigator
	// Console, if not nil, is called for each message to the scripts' console and each uncaught exception. The
	// level is "debug", "log", "info", "warn" or "error". It is called by the page's goroutine, and must not call
	// the page.
	Console func(level, message string)
	// Sent, if not nil, is called after each sendBeacon that did not throw, with the URL as the script gave it and
	// the number of bytes of the body. Like Console it must not call the page.
	Sent func(url string, bytes int, queued bool)
	// Referrer is document.referrer.
	Referrer string
	// Timeout is how long a script can run without a pause. 0 means without limit. A caller's context limits it
	// too. A single operation of the engine, such as the sorting of an array or the match of a regular expression,
	// can't be interrupted. Then a method returns one second after its context is done, with [ErrStuck].
	Timeout time.Duration
	// Memory is by how many bytes the heap of the process can exceed its size when the page was made, while one of
	// the page's scripts runs. The rest of the process counts too. It is measured a hundred times a second. So a
	// single operation that takes more memory than the machine has, such as new ArrayBuffer(1e12), still ends the
	// process. 0 means without limit.
	Memory int64
}

// A Page is a page of one window. It has a goroutine of its own, on which all of its
// JavaScript runs; its methods are safe for concurrent use.
type Page struct {
	options Options
	realm   *realm
	loop    *loop
	nav     *navigator.Navigator
	address *url.Url
	base    *url.Url
	said    *url.Url // Navigator.Page.Base, or nil
	origin  string   // serialised
	began   time.Time
	heap    int64

	alive   context.Context // until the page is closed
	kill    context.CancelFunc
	fetches fetchGroup

	window    *window
	document  *document
	history   *history
	frozen    frozenBase
	uncaught  error       // the first since Run or Wait returned one
	rejected  []rejection // without a handler
	reporting bool
	gone      bool // unloaded
}

// defaultAgent is navigator.userAgent of a navigator without another one.
const defaultAgent = "beacon-go"

// New returns a page that is loading. The caller must close it. It returns an error if the URL or the base is
// invalid, or if the URLs of the options differ.
func New(o Options) (*Page, error) {
	p := &Page{options: o, began: time.Now(), heap: heap()}
	if err := p.settle(); err != nil {
		return nil, err
	}
	r := goja.New()
	r.SetMaxCallStackSize(4000)
	r.SetParserOptions(parser.WithDisableSourceMaps) // they would be read from the disk
	rt, err := newRealm(r)
	if err != nil {
		return nil, err
	}
	rt.send, rt.cookies, rt.agent = p.nav.SendBeacon, p.nav.Page.Jar != nil, cmp.Or(p.nav.UserAgent, defaultAgent)
	p.realm, rt.page = rt, p
	if ex := r.Try(rt.definePage); ex != nil {
		return nil, ex
	}
	r.SetPromiseRejectionTracker(p.track)
	p.alive, p.kill = context.WithCancel(context.Background())
	p.fetches.init(p.alive)
	p.loop = newLoop()
	return p, nil
}

// settle makes the page's navigator from that of the options. It has a copy of the settings, so that pages of one
// Navigator do not share their OnViolation.
func (p *Page) settle() error {
	n := &navigator.Navigator{Page: new(navigator.Page)}
	report := func(blocked, directive, policy string) {}
	if from := p.options.Navigator; from != nil {
		n.Agent, n.Header, n.UserAgent = from.Agent, from.Header, from.UserAgent
		if s := from.Page; s != nil {
			n.Page = &navigator.Page{
				URL: s.URL, Base: s.Base, Origin: s.Origin, ReferrerPolicy: s.ReferrerPolicy,
				ContentSecurityPolicy: s.ContentSecurityPolicy, Jar: s.Jar, Intercept: s.Intercept,
			}
			if s.OnViolation != nil {
				report = s.OnViolation
			}
		}
	}
	n.Page.OnViolation = func(blocked, directive, policy string) {
		report(blocked, directive, policy)
		p.later(func() { p.violated(blocked, directive, policy) })
	}
	switch at := &n.Page.URL; {
	case p.options.URL != "" && *at == "":
		*at = p.options.URL
	case p.options.URL != "" && *at != p.options.URL:
		return fmt.Errorf("page: Options.URL is %q and Navigator.Page.URL is %q: leave one out", p.options.URL, *at)
	case *at == "":
		*at = "about:blank"
	}
	u, err := weburl.Parse(n.Page.URL)
	if err != nil {
		return fmt.Errorf("page: %q is not an absolute URL", n.Page.URL)
	}
	p.nav, p.address, p.base, p.origin = n, u, u, n.Page.Origin
	if n.Page.Base != "" {
		if p.said, err = u.Parse(n.Page.Base); err != nil {
			return fmt.Errorf("page: the base %q is not a URL", n.Page.Base)
		}
		p.base = p.said
	}
	if p.origin == "" {
		p.origin = weburl.OriginOf(u).String()
	}
	return nil
}

// parse parses a URL relative to the page's base (HTML, "encoding-parse a URL").
func (p *Page) parse(s string) (*url.Url, error) { return p.base.Parse(s) }

// Run runs a classic script, and the microtasks that it leaves. The name is for messages. The error is an
// exception that the page did not handle, or the reason why the script was ended. The beacons that it sent before
// are delivered.
func (p *Page) Run(ctx context.Context, name, source string) error {
	return p.do(ctx, func() error {
		var failed error
		p.script(ctx, func() {
			if _, err := p.realm.r.RunScript(name, source); err != nil {
				failed = p.reportError(err)
			}
		}, &failed)
		return failed
	})
}

// Wait waits until the page has no timer, no fetch and no script to run. The error is the first exception that the
// page did not handle since Run or Wait returned one, or ctx's.
func (p *Page) Wait(ctx context.Context) error {
	if err := p.loop.idle(ctx); err != nil {
		return fmt.Errorf("page: it still has timers or fetches: %w", err)
	}
	return p.do(ctx, func() error {
		err := p.uncaught
		p.uncaught = nil
		return err
	})
}

// Do runs f on the page's goroutine, with the runtime.
func (p *Page) Do(ctx context.Context, f func(r *goja.Runtime) error) error {
	return p.do(ctx, func() (err error) {
		p.script(ctx, func() { err = f(p.realm.r) }, &err)
		return err
	})
}

var errClosed = errors.New("page: it is closed")

// ErrStuck is wrapped by the error of a method whose context is done while the engine is in an operation that
// can't be interrupted. The page can't be used until the operation ends, and Close waits for it.
var ErrStuck = errors.New("page: the engine is in an operation that can't be interrupted")

// do runs f as a task and waits for it.
func (p *Page) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	queued := p.loop.post(func() {
		if err := ctx.Err(); err != nil {
			result <- context.Cause(ctx)
			return
		}
		result <- f()
	})
	if !queued {
		return errClosed
	}
	const patience = time.Second // for a task that is being interrupted
	for gone, late := ctx.Done(), (<-chan time.Time)(nil); ; {
		select {
		case err := <-result:
			return err
		case <-p.loop.done:
			select {
			case err := <-result: // the loop's last task was this one
				return err
			default:
				return errClosed
			}
		case <-gone:
			gone, late = nil, time.After(patience)
		case <-late:
			return fmt.Errorf("%w: %w", ErrStuck, context.Cause(ctx))
		}
	}
}

// task runs f, a task that the page itself has queued.
func (p *Page) task(f func()) {
	var err error
	p.script(p.alive, f, &err)
	if err != nil {
		p.fail(err)
	}
}

// script runs f, which may run JavaScript, and then the microtasks. If a limit ends it, failed is set to the
// reason.
func (p *Page) script(ctx context.Context, f func(), failed *error) {
	end := p.guard(ctx)
	defer end()
	run := func(f func()) {
		defer func() {
			if x := recover(); x != nil {
				err := ended(x)
				if err == nil {
					// A fault of the engine must not end the program.
					err = fmt.Errorf("page: the engine failed: %v\n%s", x, debug.Stack())
				}
				*failed = err
				p.console("error", err.Error())
			}
		}()
		if ex := p.realm.r.Try(f); ex != nil {
			p.report(ex)
		}
	}
	run(f)
	run(func() { p.realm.checkpoint() })
	p.notifyRejections(run)
}

// checkpoint runs the microtasks when no script is on the stack (HTML, "perform a microtask checkpoint").
func (rt *realm) checkpoint() {
	if _, err := rt.noop(nil); err != nil {
		panic(err)
	}
}
