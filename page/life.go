package page

import (
	"context"
	"errors"

	"github.com/dop251/goja"
)

// Load ends the page's loading: DOMContentLoaded, load and pageshow. It is to be called
// after the scripts that a document has. Once is enough.
func (p *Page) Load(ctx context.Context) error {
	return p.do(ctx, func() error {
		return p.fire(ctx, func() {
			if p.document.ready != "loading" {
				return
			}
			p.ready("interactive")
			p.event(&p.document.eventTarget, "Event", "DOMContentLoaded", true, nil)
			p.ready("complete")
			p.event(&p.window.eventTarget, "Event", "load", false, nil)
			p.event(&p.window.eventTarget, "PageTransitionEvent", "pageshow", false, p.persisted())
		})
	})
}

func (p *Page) ready(state string) {
	p.document.ready = state
	p.event(&p.document.eventTarget, "Event", "readystatechange", false, nil)
}

// Hide makes the page hidden, as when its user turns to another one: visibilitychange.
func (p *Page) Hide(ctx context.Context) error { return p.setHidden(ctx, true) }

// Show makes the page visible again: visibilitychange.
func (p *Page) Show(ctx context.Context) error { return p.setHidden(ctx, false) }

func (p *Page) setHidden(ctx context.Context, hidden bool) error {
	return p.do(ctx, func() error {
		return p.fire(ctx, func() { p.visibility(hidden) })
	})
}

// visibility is HTML, "update the visibility state".
func (p *Page) visibility(hidden bool) {
	if p.document.hidden != hidden {
		p.document.hidden = hidden
		p.event(&p.document.eventTarget, "Event", "visibilitychange", true, nil)
	}
}

// BeforeUnload asks the page whether it may be closed: beforeunload. It returns false if
// the page asks for its user to confirm. Close doesn't ask.
func (p *Page) BeforeUnload(ctx context.Context) (may bool, err error) {
	err = p.do(ctx, func() error {
		return p.fire(ctx, func() {
			e := p.realm.newTrusted("BeforeUnloadEvent", "beforeunload", map[string]goja.Value{"returnValue": p.realm.value("")})
			e.cancelable = true
			may = p.dispatch(&p.window.eventTarget, e) && e.members["returnValue"].String() == ""
		})
	})
	return may, err
}

// Close unloads the page (HTML, "unload a document"): pagehide, visibilitychange to
// hidden, unload. Its timers and fetches end there; what was deferred to the end is sent.
// Close waits for the answers to requests with keepalive, for 30 s at most or until ctx
// ends. Beacons need no waiting for: they were queued at the call.
//
// The error is ctx's, or that of a script which failed and of which nobody has been told.
// The page is closed in any case. A second Close does nothing.
func (p *Page) Close(ctx context.Context) error {
	err := p.do(ctx, func() error {
		err := p.fire(ctx, func() {
			p.event(&p.window.eventTarget, "PageTransitionEvent", "pagehide", false, p.persisted())
			p.visibility(true)
			p.event(&p.window.eventTarget, "Event", "unload", false, nil)
		})
		p.gone = true
		p.loop.end()
		return errors.Join(err, p.uncaught)
	})
	if errors.Is(err, errClosed) {
		return nil
	}
	p.loop.end()
	p.kill()
	select {
	case <-p.loop.done:
		p.terminate(ctx)
	case <-ctx.Done():
		p.fetches.giveUp()
	}
	return err
}

func (p *Page) persisted() map[string]goja.Value {
	return map[string]goja.Value{"persisted": p.realm.value(false)}
}

// fire runs f, which dispatches events; the error is what ended it.
func (p *Page) fire(ctx context.Context, f func()) (ended error) {
	p.script(ctx, f, &ended)
	return ended
}

func (p *Page) event(at *eventTarget, iface, kind string, bubbles bool, members map[string]goja.Value) {
	e := p.realm.newTrusted(iface, kind, members)
	e.bubbles = bubbles
	p.dispatch(at, e)
}

// dispatch is for events that no script dispatches: there is a microtask checkpoint after
// each listener.
func (p *Page) dispatch(at *eventTarget, e *event) bool {
	e.fromPage = true
	return at.dispatch(p.realm, e)
}
