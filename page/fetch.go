package page

import (
	"context"
	"sync"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

// A fetchGroup is Fetch, "fetch group": what a page has under way. Requests with keepalive
// outlive the page's scripts.
type fetchGroup struct {
	page      context.Context // the scripts'
	lasting   context.Context // that of requests with keepalive
	giveUp    context.CancelFunc
	keepalive sync.WaitGroup
	deferred  []*deferredFetch
}

// keepaliveGrace is how long a request with keepalive may take after its page is gone.
const keepaliveGrace = 30 * time.Second

func (g *fetchGroup) init(page context.Context) {
	g.page = page
	g.lasting, g.giveUp = context.WithCancel(context.Background())
}

// start makes the request; done, if not nil, is called with the answer as a task.
func (p *Page) start(ctx context.Context, r *beacon.Request, done func(*beacon.Response, error)) {
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

// terminate is "fetch group terminate": deferred fetches start, fetches without keepalive
// end, and those with it have their time.
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

// defineFetch is Fetch, "Fetch methods".
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
		send.Referrer = p.address.Href(true) // as it is now: the document's URL can change
	}
	r.body.read(c.realm, func(b []byte) {
		if settled {
			return
		}
		send.Body = b
		p.start(ctx, send, func(answer *beacon.Response, err error) {
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
