package page_test

import (
	"context"
	"testing"
	"time"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/page"
)

func enabled(t testing.TB, before string) *goja.Runtime {
	t.Helper()
	r := goja.New()
	if _, err := r.RunString(before); err != nil {
		t.Fatal(err)
	}
	if err := page.Enable(r, &beacon.Navigator{Config: &beacon.Config{Outbox: newOutbox(t), InProcess: true, Capacity: 1 << 40}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		beacon.Flush(ctx)
	})
	return r
}

func TestSomebodysOwnRuntime(t *testing.T) {
	url, got := collector(t)
	for _, c := range []struct{ name, before, script, body string }{
		{"bare", ``, `navigator.sendBeacon(u, new Blob(["a", "b"]))`, "ab"},
		{"with a navigator of its own", `globalThis.navigator = {userAgent: "own"}`, `navigator.userAgent === "own" && navigator.sendBeacon(u, "own")`, "own"},
		{"with a Blob of its own", `globalThis.Blob = class { toString() { return "theirs" } }`, `navigator.sendBeacon(u, new Blob)`, "theirs"},
		{"with a global of that name", `let f = 1`, `navigator.sendBeacon(u, new URLSearchParams({f}))`, "f=1"},
	} {
		r := enabled(t, c.before)
		r.Set("u", url)
		if v, err := r.RunString(c.script); err != nil || !v.ToBoolean() {
			t.Errorf("%s: %v %v", c.name, v, err)
			continue
		}
		if b := next(t, got); b.body != c.body {
			t.Errorf("%s: %q", c.name, b.body)
		}
	}
}

func TestARuntimeWithoutAPageHasNoFetch(t *testing.T) {
	r := enabled(t, "")
	v, err := r.RunString(`let text; new Blob(["a"]).text().then(t => text = t); typeof fetch + typeof setTimeout + typeof window`)
	if err != nil || v.String() != "undefinedundefinedundefined" {
		t.Errorf("%v %v", v, err)
	}
	if v, err := r.RunString("text"); err != nil || v.String() != "a" {
		t.Errorf("%v %v", v, err)
	}
	if _, err := r.RunString(`navigator.sendBeacon("/relative")`); err == nil {
		t.Error("a relative URL is sent without a page")
	}
}
