package page

import (
	"context"
	"sync"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon/internal/weburl"
	"github.com/seed-d051cf5a/beacon/navigator"
)

// A fetchGroup has the requests of a page that are under way (Fetch, "fetch group"). Requests with keepalive
// outlive the page's scripts.
type fetchGroup struct {
	page      context.Context // of requests that end with the page
	lasting   context.Context // of requests with keepalive
	giveUp    context.CancelFunc
	keepalive sync.WaitGroup
	deferred  []*deferredFetch
}

// keepaliveGrace is how long a request with keepalive can go on after its page was closed.
const keepaliveGrace = 30 * time.Second

func (g *fetchGroup) init(page context.Context) {
	g.page = page
	g.lasting, g.giveUp = context.WithCancel(context.Background())
}

// start sends a request. If done is not nil, a task calls it with the answer.
func (p *Page) start(ctx context.Context, r *navigator.Request, done func(*navigator.Response, error)) {
	if done != nil {
		p.loop.hold()
	}
	lasts := r.Keepalive || ctx == p.fetches.lasting
	if lasts {
		p.fetches.keepalive.Add(1)
	}
	wait := p.nav.StartFetch(ctx, r)
	go func() {
		answer, err := wait()
		if lasts {
			p.fetches.keepalive.Done()
		}
		if done == nil {
			return
		}
		p.loop.post(func() {
			p.task(func() { done(answer, err) })
			p.loop.unhold()
		})
	}()
}

// terminate starts the deferred fetches, ends the fetches without keepalive, and waits for those with keepalive
// (Fetch, "fetch group terminate").
func (p *Page) terminate(ctx context.Context) {
	p.processDeferred()
	p.kill()
	ended := make(chan struct{})
	go func() {
		p.fetches.keepalive.Wait()
		close(ended)
	}()
	grace := time.NewTimer(keepaliveGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	case <-ctx.Done():
	}
	p.fetches.giveUp()
}

// defineFetch defines fetch and fetchLater (Fetch, "Fetch methods").
func (rt *realm) defineFetch() {
	what := "execute 'fetch' on 'Window'"
	fn := rt.function("fetch", 1, func(_ goja.Value, args []goja.Value) goja.Value {
		return rt.promiseOf(func() goja.Value {
			c := call{rt, what, nil, args}
			c.need(1)
			return c.fetch()
		})
	})
	must(rt.r.GlobalObject().DefineDataProperty("fetch", fn, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_TRUE))
	if weburl.Trustworthy(rt.page.address) {
		rt.defineFetchLater()
	}
}

func (c call) fetch() goja.Value {
	r, _ := c.newRequest()
	if r.signal.aborted() {
		panic(r.signal.reason)
	}
	d := c.newDeferred()
	p := c.page
	parent := p.fetches.page
	if r.keepalive {
		parent = p.fetches.lasting
	}
	ctx, cancel := context.WithCancel(parent)
	settled := false
	r.signal.upon(func() {
		if !settled {
			settled = true
			cancel()
			d.reject(r.signal.reason)
		}
	})
	send := r.beacon()
	if send.Referrer == "about:client" && p.origin != "null" {
		send.Referrer = p.address.Href(true) // the document's URL at the call: it can change
	}
	r.body.read(c.realm, func(b []byte) {
		if settled {
			return
		}
		send.Body = b
		p.start(ctx, send, func(answer *navigator.Response, err error) {
			cancel()
			r.signal.detach()
			switch {
			case settled:
			case err != nil:
				settled = true
				d.reject(c.typeError("Failed to fetch: %v", err))
			default:
				settled = true
				d.resolve(c.newResponse(answer))
			}
		})
	}, func(err goja.Value) {
		settled = true
		cancel()
		d.reject(err)
	})
	return d.promise
}
