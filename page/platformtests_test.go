package page_test

import (
	"testing"

	"github.com/seed-d051cf5a/beacon/page"
)

// harness is as much of a test harness, in the shape of web-platform-tests' own, as their
// tests of beacons ask a page for.
const harness = `
	const tests = []
	class Test {
		constructor(name) { this.name = name; this.cleanups = []; this.over = new Promise((pass, fail) => { this.pass = pass; this.fail = fail }); tests.push(this) }
		step(f, ...args) { try { return f.apply(this, args) } catch (e) { this.fail(e) } }
		step_func(f) { return (...args) => this.step(f, ...args) }
		step_func_done(f) { return (...args) => { this.step(f, ...args); this.done() } }
		step_timeout(f, ms) { return setTimeout(this.step_func(f), ms) }
		add_cleanup(f) { this.cleanups.push(f) }
		done() { this.pass() }
	}
	self.setup = () => {}
	self.done = () => {}
	self.step_timeout = setTimeout
	self.token = () => crypto.randomUUID()
	self.test = (f, name) => { const t = new Test(name); t.step(f, t); t.done() }
	self.async_test = (f, name) => { const t = new Test(name); t.step(f, t) }
	let last = Promise.resolve()
	self.promise_test = (f, name) => { const t = new Test(name); last = last.then(() => f(t)).then(t.pass, t.fail) }
	self.assert_true = (v, what) => equal(v, true, what)
	self.assert_false = (v, what) => equal(v, false, what)
	self.assert_equals = equal
	self.assert_throws_js = (type, f) => equal(throws(type, f).constructor, type)
	self.assert_throws_dom = (name, f) => throws(name, f)
	self.promise_rejects_js = (t, type, p) => rejects(type, p)
	self.assert_unreached = what => { throw new Error("reached: " + what) }
	self.results = async () => { for (const t of tests) { try { await t.over } catch (e) { throw new Error(t.name + ": " + e) } finally { t.cleanups.forEach(f => f()) } } return tests.length }
`

func TestHarness_WebPlatformTests_Pass(t *testing.T) {
	url, got := collector(t)
	for _, c := range []rule{
		{"one global object", `test(() => { assert_equals(self, window); assert_equals(window, globalThis); assert_true(self.document !== undefined); let heard = 0; addEventListener("mine", () => heard++); dispatchEvent(new Event("mine")); assert_equals(heard, 1); assert_equals(document.currentScript, null); assert_equals(document.getElementById("log"), null) }, "globals")`},
		{"the method of the IDL", `test(() => { const d = Object.getOwnPropertyDescriptor(Navigator.prototype, "sendBeacon"); assert_true(d.writable && d.enumerable && d.configurable); assert_equals(d.value.length, 1); assert_equals(d.value.name, "sendBeacon"); assert_true(navigator instanceof Navigator); assert_throws_js(TypeError, () => d.value.call({}, "/")) }, "idl")`},
		{"beacons of each kind", `for (const [n, data] of ["text", new Blob(["text"]), new Uint8Array(8).fill(1), new FormData, new URLSearchParams("a=b")].entries()) async_test(t => { const id = token(); assert_true(navigator.sendBeacon("/kind?" + id, data)); t.step_timeout(t.step_func_done(() => {}), 1) }, "kind " + n)`},
		{"bad URLs and bodies refused", `test(() => { for (const u of ["http://:80:80/", "ftp://a/", "data:,x"]) assert_throws_js(TypeError, () => navigator.sendBeacon(u, "")); for (const body of [new ReadableStream, new ReadableStream({pull(c) { c.enqueue("x") }})]) assert_throws_js(TypeError, () => navigator.sendBeacon("...", body)) }, "errors")
			promise_test(async t => { const s = new ReadableStream({pull(c) { c.enqueue(new Uint8Array([65])); c.close() }}), reader = s.getReader(); const {value} = await reader.read(); assert_equals(value[0], 65); reader.releaseLock(); assert_throws_js(TypeError, () => navigator.sendBeacon("...", s)) }, "read streams")`},
		{"the quota to be exact, and back", `promise_test(async t => { const full = "x".repeat(65536); while (!navigator.sendBeacon("/full", full)) await new Promise(r => t.step_timeout(r, 5)); assert_false(navigator.sendBeacon("/over", full + "x")); while (!navigator.sendBeacon("/again", full)) await new Promise(r => t.step_timeout(r, 5)) }, "quota")`},
		{"keepalive of requests", `test(() => { for (const [v, is] of [[true, true], [1, true], ["", false], [undefined, false]]) assert_equals(new Request("/", {keepalive: v}).keepalive, is); assert_throws_js(TypeError, () => new Request("/", {method: "POST", keepalive: true, duplex: "half", body: new ReadableStream})) }, "request")
			promise_test(t => promise_rejects_js(t, TypeError, fetch("/", {method: "POST", keepalive: true, body: "x".repeat(65537)})), "over the quota")
			promise_test(async () => { const r = await fetch("/x", {method: "POST", keepalive: true, body: "[1]"}); assert_equals(r.status, 200); assert_equals((await r.clone().json())[0], 1); assert_equals(await r.text(), "[1]") }, "fetch")`},
		{"fetchLater", `test(() => { const r = fetchLater("/later"); assert_false(r.activated); assert_throws_js(TypeError, () => { "use strict"; r.activated = true }); assert_throws_js(TypeError, () => fetchLater("ftp://a/")); assert_throws_js(TypeError, () => fetchLater("http://insecure.example/")); const c = new AbortController; c.abort(); assert_throws_dom("AbortError", () => fetchLater("/", {signal: c.signal})); const e = assert_throws_dom("QuotaExceededError", () => fetchLater("/", {method: "POST", body: "x".repeat(65537)})) || new QuotaExceededError; assert_true(e instanceof QuotaExceededError); assert_equals(new QuotaExceededError().quota, null) }, "fetchLater")`},
		{"pages that shims make", `test(() => { const log = document.createElement("div"); log.id = "log"; document.body.appendChild(log); assert_equals(document.getElementById("log"), log); const f = document.createElement("iframe"); document.body.append(f); assert_true(document.body.contains(f)); f.remove(); assert_false(document.contains(f)) }, "document")`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := open(t, page.Options{URL: url + "/page"})
			do(t, p, harness)
			do(t, p, "(async () => {"+c.script+"\nglobalThis.ran = await results()})()")
			do(t, p, "equal(globalThis.ran > 0, true)") // a promise that waits for ever keeps no page open
		})
	}
	select {
	case <-got:
	default:
		t.Error("nothing was sent")
	}
}
