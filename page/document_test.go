package page_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/seed-d051cf5a/beacon/beacontest"
	"github.com/seed-d051cf5a/beacon/navigator"
	"github.com/seed-d051cf5a/beacon/page"
)

func TestDocument_Scripts_FollowDOM(t *testing.T) {
	holds(t, []rule{
		{"has a head and a body", `list([document.documentElement.tagName, document.head.localName, document.body.nodeName, document.body.parentNode === document.documentElement, document.nodeType, document.currentScript], ["HTML", "head", "BODY", true, 9, null]); equal(document.contains(document.body), true); equal(document.parentNode, null); document.title = " a  b "; equal(document.title, "a b")`},
		{"takes elements of any name", `const d = document.createElement("DIV"); equal(d instanceof HTMLElement && d instanceof Node, true); equal(d.tagName, "DIV"); d.id = "log"; equal(document.getElementById("log"), null); equal(document.body.appendChild(d), d); equal(document.getElementById("log"), d); equal(document.querySelector("#log"), d); equal(document.querySelector("div"), d); equal(document.querySelector("p"), null); equal(d.isConnected, true); d.remove(); d.remove(); equal(d.isConnected, false); equal(d.parentNode, null); throws("InvalidCharacterError", () => document.createElement(""))`},
		{"moves what is elsewhere", `const a = document.createElement("p"), b = document.createElement("p"), c = document.createElement("i"); a.append(c); b.append(c, "text"); equal(a.firstChild, null); equal(b.textContent, "text"); b.prepend(a); equal(b.firstChild, a); b.insertBefore(c, a); equal(b.firstChild, c); equal(b.removeChild(c), c); b.textContent = "x"; equal(a.parentNode, null); equal(b.firstChild.nodeType, 3)`},
		{"is a tree", `const a = document.createElement("p"), b = document.createElement("p"); a.append(b); throws("HierarchyRequestError", () => b.append(a)); throws("HierarchyRequestError", () => a.append(a)); throws("HierarchyRequestError", () => document.append(a)); throws("NotFoundError", () => b.removeChild(a)); throws(TypeError, () => a.appendChild("x")); throws("HierarchyRequestError", () => document.createTextNode("t").appendChild(a))`},
		{"lets events bubble", `const seen = [], a = document.createElement("p"); a.addEventListener("click", () => seen.push("a")); document.body.addEventListener("click", e => seen.push("body", e.target === a)); addEventListener("click", () => seen.push("window")); a.click(); document.body.append(a); a.click(); list(seen, ["a", "a", "body", true, "window"])`},
	})
}

func TestDocument_Navigated_URLAndBaseChange(t *testing.T) {
	holds(t, []rule{
		{"by history", `equal(history.length, 1); equal(history.state, null); const s = {a: [1]}; history.pushState(s, "", "x?y#z"); s.a = 2; list([location.href, document.URL, history.state, history.length], ["https://shop.example/cart/x?y#z", location.href, {a: [1]}, 2]); history.replaceState(1, ""); list([location.pathname, history.state, history.length], ["/cart/x", 1, 2])
			for (const u of ["https://other.example/", "http://shop.example/", "https://shop.example:1/", "http://["]) throws("SecurityError", () => history.pushState(null, "", u)); throws("DataCloneError", () => history.pushState(() => {}, "")); throws(TypeError, () => history.pushState(1)); equal(location.pathname, "/cart/x")`},
		{"by fragments", `const seen = []; const changed = new Promise(done => { onhashchange = e => done([e.oldURL, e.newURL]) }); addEventListener("popstate", e => seen.push(e.state)); location.hash = "a"; equal(location.hash, "#a"); equal(document.URL, location.href); list(await changed, ["https://shop.example/cart/?a=1#end", "https://shop.example/cart/?a=1#a"]); list(seen, [null]); location.hash = "#a"; location.href = "#a"; equal(history.length, 2); throws("SyntaxError", () => { location.href = "http://[" })`},
		{"by links to fragments", `const a = document.createElement("a"); a.href = "#there"; const changed = new Promise(done => addEventListener("hashchange", done)); a.click(); equal(location.hash, "#end"); await changed; equal(location.hash, "#there"); a.href = "/away"; a.click(); await 0; equal(location.pathname, "/cart/")`},
		{"and its base is that of the first base element", `
			const one = document.createElement("base"), two = document.createElement("base"); equal(one instanceof HTMLBaseElement, true); two.href = "/two/"; equal(document.baseURI, location.href); document.head.append(two); equal(document.baseURI, "https://shop.example/two/"); equal(new Request("x").url, "https://shop.example/two/x"); document.head.prepend(one); equal(document.baseURI, "https://shop.example/two/"); one.href = "https://other.example/"; equal(document.baseURI, one.href)
			history.pushState(null, "", "https://shop.example/moved/"); equal(document.baseURI, "https://other.example/"); one.setAttribute("href", "data:,"); equal(document.baseURI, location.href); one.removeAttribute("href"); equal(document.baseURI, "https://shop.example/two/"); document.head.remove(); equal(document.baseURI, location.href); equal(document.head, null)`},
	})
}

func TestSendBeacon_DocumentMoved_HasItsURLAndBase(t *testing.T) {
	c := beacontest.New(t)
	p := open(t, page.Options{URL: c.URL + "/page"})
	do(t, p, `history.pushState(null, "", "/moved#x"); const b = document.createElement("base"); b.href = "/base/"; document.head.append(b); navigator.sendBeacon("a", new URLSearchParams({a: "b c"}))`)
	got := c.Wait(1)[0]
	if got.Stream != "/base/a" || got.Header.Get("Referer") != c.URL+"/moved" || got.Header.Get("Content-Type") != "application/x-www-form-urlencoded;charset=UTF-8" || string(got.Data) != `{"a":"b c"}` {
		t.Errorf("got the stream %q, Referer %q, Content-Type %q and data %q; want /base/a, the URL %s/moved, a form's type and its data", got.Stream, got.Header.Get("Referer"), got.Header.Get("Content-Type"), got.Data, c.URL)
	}
}

func TestNew_PolicyBlocks_DispatchesEvent(t *testing.T) {
	c := beacontest.New(t)
	var mu sync.Mutex
	var reported []string
	p := open(t, page.Options{Referrer: "https://user:secret@from.example/a#b", Navigator: &navigator.Navigator{Page: &navigator.Page{
		URL: c.URL + "/page#x", ContentSecurityPolicy: []string{"connect-src https://allowed.example"},
		OnViolation: func(blocked, _, _ string) { mu.Lock(); defer mu.Unlock(); reported = append(reported, blocked) },
	}}})
	do(t, p, `(async () => {
		const open = setTimeout(() => {}, 5000) // an event to come does not keep the page busy
		const event = () => new Promise(done => addEventListener("securitypolicyviolation", done, {once: true}))
		let dispatched = event(); const refused = rejects(TypeError, fetch("/f#x")); let e = await dispatched; await refused
		list([e.blockedURI, e.effectiveDirective, e.violatedDirective, e.originalPolicy, e.disposition, e.documentURI, e.referrer, e.statusCode, e.bubbles, e.isTrusted],
			[origin + "/f", "connect-src", "connect-src", "connect-src https://allowed.example", "enforce", origin + "/page", "https://from.example/a", 200, true, true])
		equal(e.target, document); equal(e instanceof SecurityPolicyViolationEvent, true)
		dispatched = event(); equal(navigator.sendBeacon("/b", "x"), true); e = await dispatched; equal(e.blockedURI, origin + "/b")
		clearTimeout(open); throws(TypeError, () => new SecurityPolicyViolationEvent("x", {disposition: "none"}))
	})()`)
	mu.Lock()
	defer mu.Unlock()
	if want := []string{c.URL + "/f", c.URL + "/b"}; !slices.Equal(reported, want) {
		t.Errorf("OnViolation got %q, want %q", reported, want)
	}
}

func TestNew_PagesShareNavigator_EachGetsItsOwnViolations(t *testing.T) {
	var mu sync.Mutex
	var reported []string
	n := &navigator.Navigator{Page: &navigator.Page{
		URL: "https://shop.example/", ContentSecurityPolicy: []string{"connect-src 'none'"},
		OnViolation: func(blocked, _, _ string) { mu.Lock(); defer mu.Unlock(); reported = append(reported, blocked) },
	}}
	paths := []string{"/one", "/two"}
	pages := []*page.Page{open(t, page.Options{Navigator: n}), open(t, page.Options{Navigator: n})}
	for i, p := range pages {
		do(t, p, `
			const blocked = [];
			(async () => {
				const busy = setTimeout(() => {}, 20000) // the page waits for the event
				const event = new Promise(done => document.addEventListener("securitypolicyviolation", e => { blocked.push(new URL(e.blockedURI).pathname); done() }))
				equal(navigator.sendBeacon("`+paths[i]+`", "x"), true); await event; clearTimeout(busy)
				await rejects(TypeError, fetch("`+paths[i]+`"))
			})()`)
	}
	for i, p := range pages {
		do(t, p, `list(blocked, ["`+paths[i]+`", "`+paths[i]+`"], "the blocked paths")`)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := 4; len(reported) != want {
		t.Errorf("OnViolation of the Navigator got %q, want %d URLs", reported, want)
	}
}

// The page changes its URL and its base, and adds its own OnViolation.
func TestNew_NavigatorWithPage_CallersPageStays(t *testing.T) {
	c := beacontest.New(t)
	settings := &navigator.Page{ReferrerPolicy: "unsafe-url"}
	n := &navigator.Navigator{Page: settings}
	p := open(t, page.Options{URL: c.URL + "/page", Navigator: n})
	do(t, p, `history.pushState(null, "", "/moved"); const b = document.createElement("base"); b.href = "/base/"; document.head.append(b)`)
	if n.Page != settings || settings.URL != "" || settings.Base != "" || settings.Origin != "" || settings.OnViolation != nil {
		t.Errorf("the caller's Page has the URL %q, the base %q and the origin %q; want none, as before", settings.URL, settings.Base, settings.Origin)
	}
	settings.URL = c.URL + "/callers"
	if ok, err := n.SendBeacon("beacon", "x"); !ok || err != nil {
		t.Fatalf("SendBeacon of the caller's navigator: got %v, %v; want true, nil", ok, err)
	}
	if got := c.Wait(1)[0]; got.Stream != "/beacon" || got.Header.Get("Referer") != c.URL+"/callers" {
		t.Errorf("got the stream %q and the Referer %q, want /beacon and %s/callers", got.Stream, got.Header.Get("Referer"), c.URL)
	}
}

func TestNew_InvalidOptions_ReturnsError(t *testing.T) {
	for name, o := range map[string]page.Options{
		"relative URL":       {URL: "/relative"},
		"invalid base":       {URL: "https://shop.example/", Navigator: &navigator.Navigator{Page: &navigator.Page{Base: "http://["}}},
		"two different URLs": {URL: "https://shop.example/", Navigator: &navigator.Navigator{Page: &navigator.Page{URL: "https://other.example/"}}},
	} {
		if p, err := page.New(o); err == nil {
			p.Close(t.Context())
			t.Errorf("%s: got nil, want an error", name)
		}
	}
}
