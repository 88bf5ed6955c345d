//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (p *place) script(source string) string {
	p.t.Helper()
	name := filepath.Join(p.t.TempDir(), "app.js")
	if err := os.WriteFile(name, []byte(source), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return name
}

func TestRunIsAPage(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	app := p.script(`
		console.log("at", location.href, document.readyState)
		addEventListener("load", () => setTimeout(() => { navigator.sendBeacon("` + s.URL + `/run", "timer"); console.warn("late") }, 20))
		document.addEventListener("visibilitychange", () => navigator.sendBeacon("` + s.URL + `/run", document.visibilityState))
		addEventListener("unload", () => navigator.sendBeacon("` + s.URL + `/run", new Blob(['{"end":1}'], {type: "application/json"})))`)
	out, errs, status := p.beacon("run", "--url", "https://shop.example/cart", app)
	if status != 0 || out != "at https://shop.example/cart loading\n" || errs != "late\n" {
		t.Errorf("status %d: %q %q", status, out, errs)
	}
	rows := s.waitRows(3, "select kind from beacons where stream='/run'")
	if len(rows) != 3 {
		t.Errorf("%v", rows)
	}
}

func TestRunSaysWhatBecameOfEachBeacon(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	app := p.script(`navigator.sendBeacon("` + s.URL + `/v", "one"); navigator.sendBeacon("` + s.URL + `/v", "x".repeat(65537))`)
	_, errs, status := p.beacon("run", "--verbose", app)
	for _, says := range []string{"queued 3 bytes to " + s.URL + "/v", "not queued: 65537 bytes", "its quota is 65536", "1 delivered"} {
		if !strings.Contains(errs, says) {
			t.Errorf("status %d, without %q: %s", status, says, errs)
		}
	}
}

func TestRunOfAScriptThatFails(t *testing.T) {
	p := newPlace(t)
	s := p.serve("127.0.0.1:0")
	send := `navigator.sendBeacon("` + s.URL + `/f", "before");`
	for _, c := range []struct {
		name, script, says string
		status             int
	}{
		{"throws", send + "\nnothing()", "app.js:2", 1},
		{"throws in a timer", send + "setTimeout(() => { throw new Error('late') })", "Error: late", 1},
		{"rejects", send + "Promise.reject(new Error('late'))", "(in promise) Error: late", 1},
		{"throws at the end", send + "onpagehide = () => { throw new Error('late') }", "Error: late", 1},
		{"is none", send + "let let", "SyntaxError", 1},
		{"loops for ever", send + "for (;;) ;", "1s", 1},
		{"is stuck", send + "/(a+)+(?=c)/.test('a'.repeat(40))", "can't be interrupted: --timeout of 1s is over", 1},
		{"loops at the end", send + "onunload = () => { for (;;) ; }", "ran for more than 1s", 1},
		{"has a timer for ever", send + "setInterval(() => {}, 10)", "", 0},
	} {
		began := time.Now()
		_, errs, status := p.beacon("run", "--timeout", "1s", p.script(c.script))
		if status != c.status || !strings.Contains(errs, c.says) || c.says == "" && errs != "" || time.Since(began) > 30*time.Second {
			t.Errorf("%s: status %d after %v: %s", c.name, status, time.Since(began), errs)
		}
	}
	// All scripts except the one that could not be compiled have sent a beacon.
	if rows := s.waitRows(8, "select id from beacons where stream='/f'"); len(rows) != 8 {
		t.Errorf("%d arrived", len(rows))
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"run"}, "at least one SCRIPT"},
		{[]string{"run", "none.js"}, "no such file"},
		{[]string{"run", "--url", "shop.example", os.DevNull}, "not an absolute URL"},
	} {
		if _, errs, status := p.beacon(c.args...); status != 2 || !strings.Contains(errs, c.says) {
			t.Errorf("%q: status %d: %s", c.args, status, errs)
		}
	}
}
