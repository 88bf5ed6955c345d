// Package page is a JavaScript page in a Go program: classic scripts on one global object,
// with the navigator.sendBeacon of the Beacon standard and what belongs to it, an event
// loop, and the life of a page from load to unload.
//
//	p, err := page.New(page.Options{URL: "https://shop.example/"})
//	…
//	defer p.Close(ctx)
//	err = p.Run(ctx, "app.js", source)
//
// The engine is goja. It knows most of ECMAScript, but not modules, async generators,
// SharedArrayBuffer and resizable buffers. There is no document to render: the document
// has a URL, a readyState and a visibilityState, events, a head and a body to which a script
// can append elements, and links that can be clicked. What an element would load is not
// loaded, a meta element sets nothing, and the page goes nowhere but to its own fragments.
package page

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
	"github.com/nlnwa/whatwg-url/url"

	"github.com/seed-d051cf5a/beacon"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// Options are what a page is made with. The zero Options make a page at about:blank.
type Options struct {
	// URL is the page's: its origin, and the base of relative URLs. Default: that of
	// Navigator.Page.
	URL string
	// Navigator sends for the page. Its Page, if it has one, is this page's settings.
	Navigator *beacon.Navigator
	// Console hears the scripts' console and exceptions that nobody caught. The level is
	// "debug", "log", "info", "warn" or "error". It is called by the page's goroutine, and
	// must not call the page. Nil is silence.
	Console func(level, message string)
	// Sent hears of every call of sendBeacon that did not throw, with the URL as it was given
	// and the bytes of the body. Like Console it must not call the page.
	Sent func(url string, bytes int, queued bool)
	// Referrer is document.referrer.
	Referrer string
	// Timeout is how long a script may run without a pause. 0 is no limit; a caller's
	// context always is one. A single operation of the engine, such as the sorting of an
	// array or the match of a regular expression, is not interrupted; methods return a second
	// after their context all the same.
	Timeout time.Duration
	// Memory is by how many bytes the heap of the process may be larger than it was when
	// the page was made, while one of its scripts runs. What else the process does counts
	// too. It is looked at a hundred times a second: a single operation that takes more than
	// the machine has, such as new ArrayBuffer(1e12), ends the process all the same. 0 is
	// no limit.
	Memory int64
}

// A Page is a page of one window. It has a goroutine of its own, on which all of its
// JavaScript runs; its methods are safe for concurrent use.
type Page struct {
	options Options
	realm   *realm
	loop    *loop
	nav     *beacon.Navigator
	address *url.Url
	base    *url.Url
	said    *url.Url // the base that the options say, or nil
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
	uncaught  error       // the first since anybody asked
	rejected  []rejection // without a handler
	reporting bool
	gone      bool // unloaded
}

// New makes a page that is loading. The caller must close it. The error is of a URL that
// is none.
func New(o Options) (*Page, error) {
	p := &Page{options: o, began: time.Now(), heap: heap()}
	if err := p.settle(); err != nil {
		return nil, err
	}
	r := goja.New()
	r.SetMaxCallStackSize(4000)
	r.SetParserOptions(parser.WithDisableSourceMaps) // they would be read from the disk
	rt, err := newRealm(r, p.nav)
	if err != nil {
		return nil, err
	}
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

// settle makes the page's settings from the options.
func (p *Page) settle() error {
	n := p.options.Navigator
	if n == nil {
		n = new(beacon.Navigator)
	}
	if n.Page == nil {
		n = &beacon.Navigator{Config: n.Config, Header: n.Header, UserAgent: n.UserAgent, Page: new(beacon.Page)}
	}
	switch at := &n.Page.URL; {
	case p.options.URL != "" && *at == "":
		*at = p.options.URL
	case p.options.URL != "" && *at != p.options.URL:
		return fmt.Errorf("page: the options say the URL %q and their Navigator.Page %q: leave one out", p.options.URL, *at)
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
			return fmt.Errorf("page: the base URL %q is none", n.Page.Base)
		}
		p.base = p.said
	}
	p.hearViolations()
	if p.origin == "" {
		p.origin = weburl.OriginOf(u).String()
	}
	return nil
}

// parse is HTML, "encoding-parse a URL", with the page's base.
func (p *Page) parse(s string) (*url.Url, error) { return p.base.Parse(s) }

// Run runs a classic script, and the microtasks that it leaves. The name is for messages.
// The error is an exception that nothing in the page handled, or says why the script
// was ended. What it had sent by then is sent.
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

// Wait waits until the page has nothing more to do by itself: no timer, no fetch, no
// script. The error is the first exception that nothing has handled since Run or Wait
// returned one, or ctx's.
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

// ErrStuck is wrapped by the error of a method whose context ended while the engine was in
// an operation that can't be interrupted. The page can't be used until that has ended, and
// Close would wait for it.
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
	const patience = time.Second // with a task that is being interrupted
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

// task is a task that the page queues itself.
func (p *Page) task(f func()) {
	var err error
	p.script(p.alive, f, &err)
	if err != nil {
		p.fail(err)
	}
}

// script runs f, which may run JavaScript, and then the microtasks. If it is ended by a
// limit, failed says so.
func (p *Page) script(ctx context.Context, f func(), failed *error) {
	end := p.guard(ctx)
	defer end()
	run := func(f func()) {
		defer func() {
			if x := recover(); x != nil {
				err := ended(x)
				if err == nil {
					// A fault of the engine is no reason to end the program.
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

// checkpoint is HTML, "perform a microtask checkpoint", where no script is on the stack.
func (rt *realm) checkpoint() {
	if _, err := rt.noop(nil); err != nil {
		panic(err)
	}
}
