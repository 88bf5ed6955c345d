package page_test

import (
	"testing"

	"github.com/dop251/goja"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/page"
)

// enabled returns a runtime with sendBeacon. The script before runs first.
func enabled(t testing.TB, before string) *goja.Runtime {
	t.Helper()
	r := goja.New()
	if _, err := r.RunString(before); err != nil {
		t.Fatal(err)
	}
	if err := page.Enable(r, openSender(t).Send); err != nil {
		t.Fatal(err)
	}
	return r
}

// openSender returns a sender with an outbox of its own.
func openSender(t testing.TB) *beacon.Sender {
	t.Helper()
	s, err := beacon.Open(beacon.Config{Dir: newOutbox(t), Capacity: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestEnable_RuntimeHasGlobals_KeepsThem(t *testing.T) {
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
			t.Errorf("%s: got %v, %v; want true", c.name, v, err)
			continue
		}
		if b := next(t, got); b.body != c.body {
			t.Errorf("%s: got the body %q, want %q", c.name, b.body, c.body)
		}
	}
}

func TestEnable_NoPage_DefinesNoFetch(t *testing.T) {
	r := enabled(t, "")
	v, err := r.RunString(`let text; new Blob(["a"]).text().then(t => text = t); typeof fetch + typeof setTimeout + typeof window`)
	if err != nil || v.String() != "undefinedundefinedundefined" {
		t.Errorf("got %v, %v; want all undefined", v, err)
	}
	if v, err := r.RunString("text"); err != nil || v.String() != "a" {
		t.Errorf("the text of a Blob: got %v, %v; want a", v, err)
	}
}

func TestEnable_BodyOverQuota_ReturnsFalse(t *testing.T) {
	url, got := collector(t)
	r := enabled(t, "")
	r.Set("u", url)
	v, err := r.RunString(`[navigator.sendBeacon(u, "x".repeat(65537)), navigator.sendBeacon(u, "x".repeat(65536))].join()`)
	if want := "false,true"; err != nil || v.String() != want {
		t.Errorf("65,537 and 65,536 bytes: got %v, %v; want %s", v, err, want)
	}
	if b := next(t, got); len(b.body) != 65536 {
		t.Errorf("got a body of %d bytes, want 65,536", len(b.body))
	}
}

func TestEnable_InvalidURL_ThrowsTypeError(t *testing.T) {
	r := enabled(t, "")
	for _, url := range []string{"/relative", "ftp://a.example/", "http://["} {
		r.Set("u", url)
		v, err := r.RunString(`try { navigator.sendBeacon(u) } catch (e) { e instanceof TypeError }`)
		if err != nil || v.Export() != true {
			t.Errorf("%s: got %v, %v; want a TypeError", url, v, err)
		}
	}
}

func TestEnable_SenderClosed_ReturnsFalse(t *testing.T) {
	r, s := goja.New(), openSender(t)
	if err := page.Enable(r, s.Send); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v, err := r.RunString(`navigator.sendBeacon("http://127.0.0.1:1/", "x")`); err != nil || v.Export() != false {
		t.Errorf("got %v, %v; want false", v, err)
	}
}
