package page_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

func TestHeaders_Scripts_FollowFetch(t *testing.T) {
	bothHold(t, []rule{
		{"are made of pairs, records and Headers", `list([...new Headers([["B", "2"], ["a", " 1 "], ["b", "3"]])], [["a", "1"], ["b", "2, 3"]]); list([...new Headers({"X-Y": 1})], [["x-y", "1"]]); list([...new Headers(new Headers({a: "b"}))], [["a", "b"]]); for (const bad of [null, 1, "a", [["a"]], [1], {"a b": ""}, {"é": ""}, {a: "€"}, {a: "b\nc"}]) throws(TypeError, () => new Headers(bad))`},
		{"are changed", `const h = new Headers; h.append("A", "1"); h.append("a", "2"); equal(h.get("A"), "1, 2"); h.set("a", "3"); equal(h.get("a"), "3"); equal(h.has("A"), true); h.delete("A"); equal(h.get("a"), null); throws(TypeError, () => h.get("")); throws(TypeError, () => h.append("a")); h.append("Set-Cookie", "x"); h.append("set-cookie", "y"); list(h.getSetCookie(), ["x", "y"]); list([...h.keys()], ["set-cookie", "set-cookie"]); equal(new Headers({a: "\xff"}).get("a"), "\xff")`},
		{"are guarded", `
			const r = new Request("/", {headers: {Cookie: "a", "Sec-X": "b", "Proxy-Y": "c", Date: "d", "X-HTTP-Method": "TRACE", ok: "1"}}); list([...r.headers], [["ok", "1"]]); r.headers.set("Host", "x"); equal(r.headers.has("host"), false)
			const n = new Request("/", {mode: "no-cors", headers: {"Content-Type": "application/json", Accept: "a", "X-Y": "1"}}); list([...n.headers], [["accept", "a"]]); n.headers.append("accept", "b"); equal(n.headers.get("accept"), "a, b"); n.headers.set("content-type", "text/plain;x=y"); equal(n.headers.get("content-type"), "text/plain;x=y")
			throws(TypeError, () => Response.error().headers.append("a", "b")); const s = new Response("", {headers: {"Set-Cookie": "x"}}); equal(s.headers.has("set-cookie"), false)`},
	})
}

func TestRequest_Scripts_FollowFetch(t *testing.T) {
	holds(t, []rule{
		{"has the standard's defaults", `const r = new Request("x?y#z"); list([r.method, r.url, r.mode, r.credentials, r.cache, r.redirect, r.referrer, r.referrerPolicy, r.keepalive, r.integrity, r.destination, r.bodyUsed, r.body, r.duplex, r.signal.aborted], ["GET", "https://shop.example/cart/x?y#z", "cors", "same-origin", "default", "follow", "about:client", "", false, "", "", false, null, "half", false]); equal(Request.length, 1); equal(String(r), "[object Request]")`},
		{"takes an init", `const c = new AbortController, r = new Request("/", {method: "post", body: "b", mode: "same-origin", credentials: "omit", cache: "no-store", redirect: "error", referrer: "/r", referrerPolicy: "origin", keepalive: true, integrity: "i", signal: c.signal, headers: {a: "b"}}); c.abort(1); list([r.method, r.mode, r.credentials, r.cache, r.redirect, r.referrer, r.referrerPolicy, r.keepalive, r.integrity, r.signal.reason, r.headers.get("content-type"), await r.text(), r.bodyUsed], ["POST", "same-origin", "omit", "no-store", "error", "https://shop.example/r", "origin", true, "i", 1, "text/plain;charset=UTF-8", "b", true]); equal(new Request("/", {referrer: ""}).referrer, ""); equal(new Request("/", {referrer: "https://other.example"}).referrer, "about:client"); equal(new Request("/", {method: "patch"}).method, "patch")`},
		{"throws", `for (const [u, i] of [["http://:1"], ["https://a:b@c.example"], ["/", {method: "TRACE"}], ["/", {method: "a b"}], ["/", {body: "x"}], ["/", {method: "HEAD", body: "x"}], ["/", {mode: "navigate"}], ["/", {mode: "x"}], ["/", {cache: "only-if-cached"}], ["/", {window: 1}], ["/", {signal: {}}], ["/", {referrerPolicy: "x"}], ["/", {mode: "no-cors", method: "PUT"}], ["/", {method: "POST", body: new ReadableStream}], ["/", {method: "POST", body: new ReadableStream, duplex: "half", keepalive: true}], ["/", 1], ["/", {keepalive: Symbol() && undefined, priority: "x"}]]) throws(TypeError, () => new Request(u, i), JSON.stringify([u, i])); throws(TypeError, () => new Request)`},
		{"is made of another one", `const a = new Request("/", {method: "POST", body: "b", headers: {x: "y"}}), b = new Request(a, {headers: {z: "1"}}); equal(a.bodyUsed, true); equal(await b.text(), "b"); equal(b.headers.has("x"), false); throws(TypeError, () => new Request(a)); const c = new Request("/", {method: "POST", body: "c"}).clone(); equal(await c.text(), "c"); throws(TypeError, () => c.clone())`},
	})
}

func TestResponse_Scripts_FollowFetch(t *testing.T) {
	holds(t, []rule{
		{"is made", `const r = new Response("a", {status: 201, statusText: "S", headers: {b: "c"}}); list([r.type, r.status, r.ok, r.statusText, r.url, r.redirected, r.headers.get("b"), r.headers.get("content-type"), await r.text(), r.bodyUsed], ["default", 201, true, "S", "", false, "c", "text/plain;charset=UTF-8", "a", true]); equal(new Response().body, null); equal(new Response(null).body, null)
			for (const [b, i, e] of [["", {status: 199}, RangeError], ["", {status: 600}, RangeError], ["a", {status: 204}, TypeError], ["", {statusText: "\n"}, TypeError]]) throws(e, () => new Response(b, i)); new Response(null, {status: 204})`},
		{"by statics", `equal(Response.error().type, "error"); equal(Response.error().status, 0); const r = Response.redirect("/x", 307); list([r.status, r.headers.get("location")], [307, "https://shop.example/x"]); throws(RangeError, () => Response.redirect("/", 200)); throws(TypeError, () => Response.redirect("http://:1")); const j = Response.json({a: 1}); equal(j.headers.get("content-type"), "application/json"); equal((await j.json()).a, 1); throws(TypeError, () => Response.json(undefined))`},
		{"has a body of each kind", `
			equal(await new Response(new Blob(["x"], {type: "a/b"})).blob().then(b => b.type + b.size), "a/b1"); equal((await new Response(new Uint8Array([1, 2]).subarray(1)).arrayBuffer()).byteLength, 1); equal((await new Response("\uFEFF[1]").json())[0], 1); await rejects(SyntaxError, new Response("{").json())
			const f = new FormData; f.append("a", "1\n2"); f.append("f", new File(["x"], 'n".txt', {type: "text/plain"})); const g = await new Response(f).formData(); equal(g.get("a"), "1\r\n2"); equal(g.get("f").name, 'n".txt'); equal(await g.get("f").text(), "x")
			equal((await new Response(new URLSearchParams("a=b+c")).formData()).get("a"), "b c"); await rejects(TypeError, new Response("a").formData()); equal(await new Response(new ReadableStream({start(c) { c.enqueue(new Uint8Array([97])); c.enqueue(new Uint8Array([98])); c.close() }})).text(), "ab"); await rejects(TypeError, new Response(new ReadableStream({start(c) { c.enqueue("a") }})).text())`},
		{"whose body is used once", `const r = new Response("a"); r.text(); await rejects(TypeError, r.text()); throws(TypeError, () => r.clone()); const s = new Response("a"); s.body.getReader(); equal(s.bodyUsed, false); await rejects(TypeError, s.text()); await rejects(TypeError, Response.prototype.text.call({})); const u = new Response("a"); await u.text(); equal(u.body.locked || u.bodyUsed, true)`},
		{"and is cloned", `const r = new Response("abc"), c = r.clone(); equal(await r.text() + await c.text(), "abcabc"); const s = new Response(new ReadableStream({pull(k) { k.enqueue(new Uint8Array([97])); k.close() }})), d = s.clone(); equal(await s.text() + await d.text(), "aa")`},
	})
}

func TestFetch_Scripts_FollowFetch(t *testing.T) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url + "/page"})
	do(t, p, `(async () => {
		const r = await fetch("/x?y", {method: "POST", body: new URLSearchParams("a=b"), headers: {"X-Mine": "1"}})
		list([r.status, r.ok, r.headers.get("x-method"), await r.text()], [200, true, "POST", "a=b"])
		throws(TypeError, () => r.headers.set("a", "b"))
		await rejects(TypeError, fetch()); await rejects(TypeError, fetch("http://:1")); await rejects(TypeError, fetch("http://127.0.0.1:1/"))
		await rejects("AbortError", fetch("/", {signal: AbortSignal.abort()}))
		const c = new AbortController, slow = fetch("/?hold=10s", {signal: c.signal}); setTimeout(() => c.abort("enough"), 20); let e; try { await slow } catch (x) { e = x } equal(e, "enough")
		equal(await (await fetch(new Request("/", {method: "PUT", body: "put"}))).text(), "put")
		equal(await (await fetch("/", {method: "POST", duplex: "half", body: new ReadableStream({start(c) { c.enqueue(new Uint8Array([97])); c.close() }})})).text(), "a")
		equal(fetch.length, 1); equal(fetch("/") instanceof Promise, true)
	})()`)
	if r := next(t, got); r.path != "/x?y" || r.contentType != "application/x-www-form-urlencoded;charset=UTF-8" || r.header.Get("X-Mine") != "1" {
		t.Errorf("%+v", r)
	}
}

func TestClose_FetchesUnderWay_OnlyKeepaliveGoesOn(t *testing.T) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do2 := func(script string) {
		if err := p.Run(context.Background(), "x.js", script); err != nil {
			t.Fatal(err)
		}
	}
	do2(`fetch("/?hold=60s"); fetch("/kept?hold=300ms", {keepalive: true})`)
	time.Sleep(100 * time.Millisecond) // both are under way
	began := time.Now()
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	for range 2 {
		if r := next(t, got); strings.HasPrefix(r.path, "/kept") {
			return
		}
	}
	t.Error("the request with keepalive ended, too")
}

func TestFetchLater_Scripts_FollowFetch(t *testing.T) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url + "/page"})
	do(t, p, `(async () => {
		equal(fetchLater.length, 1); throws(TypeError, () => new FetchLaterResult); throws(TypeError, () => fetchLater())
		for (const bad of ["http://:1", "data:,x", "http://not.local/"]) throws(TypeError, () => fetchLater(bad))
		throws(RangeError, () => fetchLater("/", {activateAfter: -1})); throws("AbortError", () => fetchLater("/", {signal: AbortSignal.abort()}))
		throws(TypeError, () => fetchLater("/", {method: "POST", duplex: "half", body: new ReadableStream}))
		const e = throws("QuotaExceededError", () => fetchLater("/", {method: "POST", body: "x".repeat(65536)})); equal(e.quota, 65536); equal(e.requested > 65536, true)
		const c = new AbortController, a = fetchLater("/aborted", {signal: c.signal}); c.abort()
		const size = location.href.length + (origin + "/full").length + "Content-Typetext/plain;charset=UTF-8".length
		const full = new AbortController; fetchLater("/full", {method: "POST", body: "x".repeat(65536 - size), signal: full.signal}); throws("QuotaExceededError", () => fetchLater("/")); full.abort()
		const soon = fetchLater("/soon", {activateAfter: 1}), end = fetchLater("/end", {method: "POST", body: "end"})
		equal(soon.activated, false); for (let n = 0; n < 200 && !soon.activated; n++) await new Promise(r => setTimeout(r, 5))
		list([soon.activated, end.activated, a.activated, String(end)], [true, false, false, "[object FetchLaterResult]"])
	})()`)
	if r := next(t, got); r.path != "/soon" {
		t.Errorf("%+v", r)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if r := next(t, got); r.path != "/end" || r.method != "POST" || r.body != "end" {
		t.Errorf("%+v", r)
	}
}

func TestFetchLater_PageQuotaReached_Throws(t *testing.T) {
	do(t, open(t, page.Options{}), `
		const body = "x".repeat(60000), stop = new AbortController; let n = 0
		throws("QuotaExceededError", () => { for (; n < 20; n++) fetchLater("https://o" + n + ".example/", {method: "POST", body, signal: stop.signal}) })
		equal(n, 8, "times 60,000 bytes in 512 KiB"); stop.abort()`)
}

func TestAnchor_Clicked_SendsPings(t *testing.T) {
	for _, c := range []struct{ page, ping, from string }{
		{"https://shop.example/a", "https://shop.example/ping", "https://shop.example/a"},
		{"https://shop.example/a", "https://other.example/ping", ""},
		{"http://shop.example/a", "http://other.example/ping", "http://shop.example/a"},
	} {
		seen := make(chan *navigator.Request, 10)
		p := open(t, page.Options{Navigator: &navigator.Navigator{Page: &navigator.Page{URL: c.page, Intercept: func(_ context.Context, r *navigator.Request) (*navigator.Response, error) {
			seen <- r
			return &navigator.Response{Type: "basic", Status: 204}, nil
		}}}})
		do(t, p, `
			const a = document.createElement("a"); equal(a instanceof HTMLAnchorElement && a instanceof EventTarget, true); a.href = "/to#x"; a.ping = " `+c.ping+`  ftp://x http://:1 "
			equal(a.href, origin + "/to#x"); equal(String(a), a.href); equal(a.getAttribute("HREF"), "/to#x"); a.click()
			a.onclick = e => e.preventDefault(); a.click(); const b = document.createElement("A"); b.ping = a.ping; b.click()`)
		p.Close(t.Context()) // which waits for the pings
		if len(seen) != 1 {
			t.Fatalf("got %d pings, want 1", len(seen))
		}
		r := <-seen
		if r.Method != "POST" || r.URL != c.ping || string(r.Body) != "PING" || r.Header.Get("Content-Type") != "text/ping" || r.Header.Get("Ping-From") != c.from ||
			!strings.HasSuffix(r.Header.Get("Ping-To"), "://shop.example/to#x") || r.Mode != "no-cors" || r.Credentials != "include" || !r.Keepalive || r.Initiator != "ping" {
			t.Errorf("got %+v, want the PING to %s with Ping-From %q", r, c.ping, c.from)
		}
	}
}
