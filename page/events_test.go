package page_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/page"
)

func TestEventTarget_Scripts_FollowDOM(t *testing.T) {
	bothHold(t, []rule{
		{"are heard once for each listener", `
			const t = new EventTarget; let n = 0; const f = () => n++
			t.addEventListener("a", f); t.addEventListener("a", f); t.addEventListener("a", f, true); t.addEventListener("a", null)
			equal(t.dispatchEvent(new Event("a")), true); equal(n, 2); t.removeEventListener("a", f); t.dispatchEvent(new Event("a")); equal(n, 3)`},
		{"once, by signal, by handleEvent", `
			const t = new EventTarget, c = new AbortController, seen = []
			t.addEventListener("a", () => seen.push("once"), {once: true}); t.addEventListener("a", () => seen.push("signal"), {signal: c.signal})
			t.addEventListener("a", {handleEvent(e) { seen.push(this.x, e.type) }, x: "x"}); t.dispatchEvent(new Event("a")); c.abort(); t.dispatchEvent(new Event("a"))
			list(seen, ["once", "signal", "x", "a", "x", "a"])`},
		{"are canceled, but not passively nor where they can't be", `
			const t = new EventTarget; t.addEventListener("a", e => e.preventDefault(), {passive: true}); equal(t.dispatchEvent(new Event("a", {cancelable: true})), true)
			t.addEventListener("b", e => e.preventDefault()); equal(t.dispatchEvent(new Event("b")), true); const e = new Event("b", {cancelable: true}); equal(t.dispatchEvent(e), false); equal(e.defaultPrevented, true)`},
		{"stop at once", `const t = new EventTarget, seen = []; t.addEventListener("a", e => { seen.push(1); e.stopImmediatePropagation() }); t.addEventListener("a", () => seen.push(2)); t.dispatchEvent(new Event("a")); list(seen, [1])`},
		{"bubble from the document to the window", `
			const seen = []; for (const [o, n] of [[window, "w"], [document, "d"]]) for (const capture of [true, false]) o.addEventListener("x", e => seen.push(n + e.eventPhase + (e.currentTarget === o)), capture)
			document.dispatchEvent(new Event("x", {bubbles: true})); list(seen, ["w1true", "d2true", "d2true", "w3true"]); seen.length = 0; document.dispatchEvent(new Event("x")); list(seen, ["w1true", "d2true", "d2true"])`},
		{"go on behind a listener that throws, which is reported", `
			const seen = []; onerror = (message, file, line, column, e) => { seen.push(message, file, typeof line, e.message); return true }
			const t = new EventTarget; t.addEventListener("a", () => { throw new Error("mine") }); t.addEventListener("a", () => seen.push("next")); t.dispatchEvent(new Event("a"))
			list(seen, ["Uncaught Error: mine", "test.js", "number", "mine", "next"])`},
		{"are made with a type and a dictionary", `
			throws(TypeError, () => new Event); throws(TypeError, () => new Event("a", 1)); throws(TypeError, () => Event("a")); const e = new CustomEvent("a", {detail: {x: 1}, bubbles: 1})
			list([e.detail.x, e.bubbles, e.cancelable, e.isTrusted, e.type, e instanceof Event, Event.AT_TARGET, e.target], [1, true, false, false, "a", true, 2, null]); equal(new CustomEvent("a").detail, null)
			throws(TypeError, () => new EventTarget().dispatchEvent({})); throws("InvalidStateError", () => { const t = new EventTarget; let x; t.addEventListener("a", e => { try { t.dispatchEvent(e) } catch (y) { x = y } }); t.dispatchEvent(new Event("a")); throw x })`},
		{"have on… handlers", `
			const seen = []; onload = function () { seen.push(this === window) }; const a = onload; onload = () => seen.push("second"); window.dispatchEvent(new Event("load")); onload = 1; equal(onload, null); window.dispatchEvent(new Event("load")); list(seen, ["second"])
			document.onvisibilitychange = () => false; equal(document.dispatchEvent(new Event("visibilitychange", {cancelable: true})), false)`},
		{"and targets can be inherited from", `class T extends EventTarget { n = 0; go() { this.addEventListener("a", () => this.n++); this.dispatchEvent(new Event("a")); return this.n } } equal(new T().go(), 1)`},
	})
}

func TestAbortSignal_Scripts_FollowDOM(t *testing.T) {
	bothHold(t, []rule{
		{"by a controller", `const c = new AbortController; let n = 0; c.signal.onabort = () => n++; c.abort("why"); c.abort("not"); list([c.signal.aborted, c.signal.reason, n], [true, "why", 1]); let e; try { c.signal.throwIfAborted() } catch (x) { e = x } equal(e, "why")`},
		{"with a reason", `equal(AbortSignal.abort().reason.name, "AbortError"); equal(AbortSignal.abort(1).reason, 1); throws(TypeError, () => new AbortSignal); const c = new AbortController; c.abort(); equal(c.signal.reason instanceof DOMException, true)`},
		{"of any", `const a = new AbortController, b = new AbortController, s = AbortSignal.any([a.signal, AbortSignal.any([b.signal])]); let n = 0; s.addEventListener("abort", () => n++); b.abort("b"); a.abort("a"); list([s.reason, n], ["b", 1]); equal(AbortSignal.any([AbortSignal.abort(2)]).reason, 2)`},
		{"by time", `const s = AbortSignal.timeout(1); await new Promise(r => { s.onabort = r; setTimeout(r, 1000) }); equal(s.reason.name, "TimeoutError"); throws(TypeError, () => AbortSignal.timeout(-1))`},
	})
}

func TestDOMException_Scripts_FollowWebIDL(t *testing.T) {
	bothHold(t, []rule{
		{"is an Error with a code", `const e = new DOMException("m", "AbortError"); list([e.name, e.message, e.code, e instanceof Error, String(e), DOMException.ABORT_ERR, e.DATA_CLONE_ERR], ["AbortError", "m", 20, true, "AbortError: m", 20, 25]); equal(new DOMException().name, "Error"); equal(Object.prototype.toString.call(e), "[object DOMException]")`},
		{"or one of a quota", `const e = new QuotaExceededError("m", {quota: 1, requested: 2}); list([e.name, e.quota, e.requested, e.code, e instanceof DOMException], ["QuotaExceededError", 1, 2, 0, true]); equal(new QuotaExceededError().quota, null); throws(RangeError, () => new QuotaExceededError("", {quota: -1}))`},
	})
}

func TestTimers_Scripts_FollowHTML(t *testing.T) {
	bothHold(t, []rule{
		{"run in order", `
			const seen = []; setTimeout(() => seen.push("10"), 10); setTimeout(() => { seen.push("0"); queueMicrotask(() => seen.push("micro")) }, 0); setTimeout(() => seen.push("0b")); Promise.resolve().then(() => seen.push("promise")); queueMicrotask(() => seen.push("queued")); seen.push("now")
			await new Promise(r => setTimeout(r, 30)); list(seen, ["now", "promise", "queued", "0", "micro", "0b", "10"])`},
		{"with arguments, and can be stopped", `let got; setTimeout((...a) => got = a, 0, 1, 2); const id = setTimeout(() => got = "no", 1); clearTimeout(id); equal(typeof id, "number"); clearTimeout(99); clearTimeout(); await new Promise(r => setTimeout(r, 10)); list(got, [1, 2])`},
		{"again and again until they are stopped", `let n = 0; await new Promise(r => { const i = setInterval(() => { if (++n === 3) { clearInterval(i); r() } }, 1) }); await new Promise(r => setTimeout(r, 10)); equal(n, 3)`},
		{"of a string", `setTimeout("globalThis.ran = 1"); await new Promise(r => setTimeout(r, 5)); equal(ran, 1)`},
		{"want a function", `throws(TypeError, () => setTimeout()); throws(TypeError, () => queueMicrotask(1)); throws(TypeError, () => queueMicrotask())`},
	})
}

func TestWindow_Scripts_FollowHTML(t *testing.T) {
	holds(t, []rule{
		{"is the global object", `equal(window, globalThis); equal(self, window); equal(this, undefined ?? this); var mine = 1; equal(String(window), "[object Window]"); equal(window instanceof EventTarget, true); throws(TypeError, () => new Window)
			self = 1; equal(self, 1); navigator = 1; equal(typeof navigator, "object")`},
		{"has a place", `list([location.href, location.origin, location.protocol, location.host, location.pathname, location.search, location.hash, String(location)], ["https://shop.example/cart/?a=1#end", "https://shop.example", "https:", "shop.example", "/cart/", "?a=1", "#end", "https://shop.example/cart/?a=1#end"]); equal(origin, "https://shop.example"); equal(isSecureContext, true); location.href = "/x"; equal(location.pathname, "/cart/")`},
		{"has a document", `list([document.URL, document.referrer, document.readyState, document.visibilityState, document.hidden], [location.href, "", "loading", "visible", false]); equal(document.defaultView, window); throws("InvalidCharacterError", () => document.createElement("a b"))`},
		{"has a clock", `const a = performance.now(), b = performance.now(); equal(a >= 0 && b >= a, true); equal(Math.abs(performance.timeOrigin + a - Date.now()) < 1000, true); equal(performance.toJSON().timeOrigin, performance.timeOrigin)`},
		{"has randomness", `equal(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()), true); const b = new Uint32Array(8); equal(crypto.getRandomValues(b), b); equal(b.some(x => x), true); throws("TypeMismatchError", () => crypto.getRandomValues(new Float32Array(1))); throws("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)))`},
		{"has base64", `equal(btoa("a\xff"), "Yf8="); equal(atob(" Yf 8 "), "a\xff"); equal(atob("YWI"), "ab"); throws("InvalidCharacterError", () => btoa("€")); throws("InvalidCharacterError", () => atob("a")); throws("InvalidCharacterError", () => atob("=")); throws("InvalidCharacterError", () => atob("YQ=="+"="))`},
	})
}

func TestConsole_Called_CallsOption(t *testing.T) {
	var said []string
	p := open(t, page.Options{Console: func(level, message string) { said = append(said, level+": "+message) }})
	do(t, p, `
		console.log("a", 1, null, [1, "b"], {x: {y: 1}}, () => 1, Symbol("s"), 2n); console.warn("%s is %d%% of %o", "x", 4.7, {a: 1}, "rest"); console.error(new TypeError("t").message)
		console.assert(true, "no"); console.assert(false, "yes"); console.group("g"); console.info("in"); console.groupEnd(); console.count(); console.count()
		const c = {}; c.c = c; console.debug(c, new Blob(["a"]), new DOMException("m", "AbortError"), new Uint8Array(2), {get x() { throw 1 }}, new Proxy({}, {ownKeys() { throw 1 }}))`)
	want := []string{`log: a 1 null [1, "b"] {x: {y: 1}} [Function] Symbol(s) 2n`, "warn: x is 4% of {a: 1} rest", "error: t", "error: Assertion failed: yes",
		"log: g", "info:   in", "info: default: 1", "info: default: 2", "debug: {c: [Circular]} Blob {} AbortError: m Uint8Array [0, 0] [Object] [Object]"}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(said, "\n"))
	}
}

func TestPage_LoadToClose_DispatchesEventsInOrder(t *testing.T) {
	var said []string
	p := open(t, page.Options{Console: func(_, message string) { said = append(said, message) }})
	do(t, p, `
		const say = (o, name, ...kinds) => { for (const k of kinds) o.addEventListener(k, e => {
			console.log(name, k, document.readyState, document.visibilityState, e.isTrusted, e.persisted ?? "")
			Promise.resolve().then(() => console.log("then"))
		}) }
		say(window, "window", "DOMContentLoaded", "load", "pageshow", "pagehide", "unload", "visibilitychange")
		say(document, "document", "DOMContentLoaded", "visibilitychange")
		onbeforeunload = e => { e.preventDefault() }`)
	ctx := context.Background()
	for _, f := range []func(context.Context) error{p.Load, p.Load, p.Hide, p.Hide, p.Show, p.Close, p.Close} {
		if err := f(ctx); err != nil {
			t.Error(err)
		}
	}
	want := `document DOMContentLoaded interactive visible true 
then
window DOMContentLoaded interactive visible true 
then
window load complete visible true 
then
window pageshow complete visible true false
then
document visibilitychange complete hidden true 
then
window visibilitychange complete hidden true 
then
document visibilitychange complete visible true 
then
window visibilitychange complete visible true 
then
window pagehide complete visible true false
then
document visibilitychange complete hidden true 
then
window visibilitychange complete hidden true 
then
window unload complete hidden true 
then`
	if got := strings.Join(said, "\n"); got != want {
		t.Errorf("%s", got)
	}
	if err := p.Run(ctx, "late.js", "1"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a script ran in a closed page: %v", err)
	}
}

func TestBeforeUnload_EventPrevented_ReturnsFalse(t *testing.T) {
	p := open(t, page.Options{})
	if may, err := p.BeforeUnload(context.Background()); !may || err != nil {
		t.Errorf("%v %v", may, err)
	}
	do(t, p, `addEventListener("beforeunload", e => e.preventDefault())`)
	if may, err := p.BeforeUnload(context.Background()); may || err != nil {
		t.Errorf("%v %v", may, err)
	}
}

func TestClose_RequestsAtUnload_Arrive(t *testing.T) {
	url, got := collector(t)
	p := open(t, page.Options{URL: url})
	do(t, p, `for (const [o, k] of [[window, "pagehide"], [document, "visibilitychange"], [window, "unload"]]) o.addEventListener(k, () => navigator.sendBeacon("`+url+`", k))
		addEventListener("unload", () => fetch("`+url+`", {method: "POST", body: "kept", keepalive: true}))
		fetchLater("`+url+`", {method: "POST", body: "later"})`)
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	seen := map[string]bool{}
	for range 5 {
		seen[next(t, got).body] = true
	}
	for _, body := range []string{"pagehide", "visibilitychange", "unload", "kept", "later"} {
		if !seen[body] {
			t.Errorf("%s has not arrived: %v", body, seen)
		}
	}
}

func TestRun_UncaughtException_ReturnsAndLogsIt(t *testing.T) {
	var said []string
	p := open(t, page.Options{Console: func(level, message string) { said = append(said, level+": "+message) }})
	ctx := context.Background()
	for _, c := range []struct{ script, want string }{
		{"var a = 1\n nothing.x", "Uncaught ReferenceError: nothing is not defined\n    at <anonymous> (x.js:2:2)"},
		{"function f() { throw 'text' }\nf()", "Uncaught text"},
		{"let let = 1", "Uncaught SyntaxError: "},
		{"throw {toString() { throw 1 }}", "Uncaught Object"},
		{"throw undefined", "Uncaught undefined"},
	} {
		said = nil
		err := p.Run(ctx, "x.js", c.script)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || len(said) != 1 || said[0] != "error: "+err.Error() {
			t.Errorf("%s: %v; %q", c.script, err, said)
		}
		p.Wait(ctx)
	}
	for _, script := range []string{"setTimeout(() => { throw new Error('late') })", "Promise.reject(new Error('late'))"} {
		if err := p.Run(ctx, "x.js", script); err != nil {
			t.Error(err)
		}
		if err := p.Wait(ctx); err == nil || !strings.Contains(err.Error(), "Error: late") {
			t.Errorf("%s: %v", script, err)
		}
	}
	do(t, p, `
		addEventListener("error", e => e.preventDefault()); addEventListener("unhandledrejection", e => e.preventDefault())
		setTimeout(() => { throw 1 }); Promise.reject(2); const p = Promise.reject(3); p.catch(() => {}); queueMicrotask(() => { throw 4 }); reportError(5)`)
	do(t, p, "let let")
}

func TestRun_LimitReached_EndsScript(t *testing.T) {
	url, got := collector(t)
	for _, c := range []struct {
		name, script, says string
		o                  page.Options
	}{
		{"by the caller's context", `for (;;) ;`, "was ended at x.js:1: context deadline exceeded", page.Options{}},
		{"by the page's limit", `for (;;) ;`, "ran for more than 50ms without a pause", page.Options{Timeout: 50 * time.Millisecond}},
		{"in microtasks", `const f = () => Promise.resolve().then(f); f()`, "more than 50ms", page.Options{Timeout: 50 * time.Millisecond}},
		{"in a toString", `navigator.sendBeacon({toString() { for (;;) ; }})`, "more than 50ms", page.Options{Timeout: 50 * time.Millisecond}},
		{"in catch and finally", `for (;;) try { for (;;) ; } catch { for (;;) ; } finally { for (;;) ; }`, "more than 50ms", page.Options{Timeout: 50 * time.Millisecond}},
		{"by memory", `const all = []; for (;;) all.push(new Uint8Array(1 << 16))`, "MiB of memory, and may take 64", page.Options{Memory: 64 << 20}},
		{"by memory of strings", `const all = []; for (;;) all.push("y".repeat(1 << 16) + all.length)`, "MiB of memory, and may take 64", page.Options{Memory: 64 << 20}},
		{"by depth", `const f = () => f() + 1; f()`, "nested too deeply", page.Options{}},
		{"by depth through the page", `const o = {toString() { return btoa(o) }}; btoa(o)`, "RangeError: Maximum call stack size exceeded", page.Options{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.URL = url
			p := open(t, c.o)
			ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
			if c.o.Timeout+time.Duration(c.o.Memory) > 0 {
				ctx, cancel = context.WithTimeout(context.Background(), 3*time.Minute)
			}
			defer cancel()
			err := p.Run(ctx, "x.js", `navigator.sendBeacon("`+url+`", "before");`+c.script)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if r := next(t, got); r.body != "before" {
				t.Errorf("%q", r.body)
			}
			do(t, p, `equal(1 + 1, 2); equal(await0(), 1); function await0() { return 1 }`)
		})
	}
}

func TestWait_TimerReachesLimit_ReturnsError(t *testing.T) {
	p := open(t, page.Options{Timeout: 50 * time.Millisecond})
	ctx := context.Background()
	if err := p.Run(ctx, "x.js", `setTimeout(() => { for (;;) ; })`); err != nil {
		t.Error(err)
	}
	if err := p.Wait(ctx); err == nil || !strings.Contains(err.Error(), "more than 50ms") {
		t.Errorf("%v", err)
	}
}

func TestRun_SourceMapURL_ReadsNoFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "map.json")
	if err := os.WriteFile(name, []byte(`{"version":3,"sources":["elsewhere.js"],"names":[],"mappings":"AAAA"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	err := open(t, page.Options{}).Run(t.Context(), "x.js", "nothing()\n//# sourceMappingURL=file://"+name)
	if err == nil || !strings.Contains(err.Error(), "x.js:1") {
		t.Errorf("a source map was read: %v", err)
	}
}
