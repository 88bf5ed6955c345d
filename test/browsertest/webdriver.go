//go:build unix

package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// A driver is a WebDriver session: requests to the program that drives a browser (W3C WebDriver, "List of
// endpoints"). Its methods are safe for concurrent use.
type driver struct {
	url string // of the program, then of the session

	mu sync.Mutex // held from the choice of a tab to the end of a command for it
}

// A driverError is the answer to a command that failed. The codes are those of the standard (W3C
// WebDriver, "Errors").
type driverError struct{ code, message string }

func (e driverError) Error() string { return e.code + ": " + e.message }

// command sends a command and decodes the value of its answer into result, unless that is nil.
func (d *driver) command(ctx context.Context, method, path string, params, result any) error {
	var body bytes.Buffer
	if method == http.MethodPost {
		if err := json.NewEncoder(&body).Encode(params); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, d.url+path, &body)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer response.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s %s: %s: %w", method, path, response.Status, err)
	}
	if response.StatusCode != http.StatusOK {
		var refused struct{ Error, Message string }
		json.Unmarshal(answer.Value, &refused)
		return fmt.Errorf("%s %s: %w", method, path, driverError{refused.Error, refused.Message})
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, result)
}

// begin begins a session with some capabilities and returns the browser's version.
func (d *driver) begin(ctx context.Context, capabilities map[string]any) (version string, err error) {
	var began struct {
		SessionID    string
		Capabilities struct{ BrowserVersion string }
	}
	err = d.command(ctx, http.MethodPost, "/session", map[string]any{"capabilities": map[string]any{"alwaysMatch": capabilities}}, &began)
	d.url += "/session/" + url.PathEscape(began.SessionID)
	return began.Capabilities.BrowserVersion, err
}

// in runs do for the tab of a handle.
func (d *driver) in(ctx context.Context, handle string, do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.command(ctx, http.MethodPost, "/window", map[string]any{"handle": handle}, nil); err != nil {
		return err
	}
	return do()
}

// handles returns the handles of all tabs.
func (d *driver) handles(ctx context.Context) (handles []string, err error) {
	err = d.command(ctx, http.MethodGet, "/window/handles", nil, &handles)
	return handles, err
}

// openTab opens a tab in the window of a handle, or a window with a tab, as kind says. It returns the
// new handle.
func (d *driver) openTab(ctx context.Context, beside, kind string) (handle string, err error) {
	var made struct{ Handle, Type string }
	err = d.in(ctx, beside, func() error {
		return d.command(ctx, http.MethodPost, "/window/new", map[string]any{"type": kind}, &made)
	})
	if err == nil && made.Type != kind {
		err = fmt.Errorf("the driver opened a %s", made.Type)
	}
	return made.Handle, err
}

// A driverTab is a Tab that WebDriver drives. Its methods are safe for concurrent use.
type driverTab struct {
	t      testing.TB
	driver *driver
	handle string
}

// do runs a command for the tab.
func (tab *driverTab) do(method, path string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	return tab.driver.in(ctx, tab.handle, func() error {
		return tab.driver.command(ctx, method, path, params, result)
	})
}

func (tab *driverTab) Navigate(url string) {
	tab.t.Helper()
	if err := tab.do(http.MethodPost, "/url", map[string]any{"url": url}, nil); err != nil {
		tab.t.Fatalf("open %s: %v", url, err)
	}
}

func (tab *driverTab) Click(selector string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	err := tab.driver.in(ctx, tab.handle, func() error {
		var element map[string]string // its only value is the element's id
		err := tab.driver.command(ctx, http.MethodPost, "/element", map[string]any{"using": "css selector", "value": selector}, &element)
		if err != nil {
			return err
		}
		for _, id := range element {
			return tab.driver.command(ctx, http.MethodPost, "/element/"+url.PathEscape(id)+"/click", map[string]any{}, nil)
		}
		return errors.New("the answer has no element")
	})
	if err != nil {
		tab.t.Fatalf("click on %s: %v", selector, err)
	}
}

// evaluation is the body of a function for a driver. It tells undefined, which is like null, from values
// that have no JSON, such as elements, functions and Infinity.
const evaluation = `
const check = value => {
	switch (typeof value) {
	case 'undefined': return null;
	case 'function': case 'symbol': case 'bigint': throw new TypeError('the value is of the type ' + typeof value);
	case 'number': return Number.isFinite(value) ? value : { special: String(value) };
	case 'object':
		if (value === null) return null;
		if (Array.isArray(value)) return value.map(check);
		if (Object.getPrototypeOf(value) !== Object.prototype) throw new TypeError('the value is of the type ' + value.constructor.name);
		return { object: Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, check(inner)])) };
	}
	return value;
};
return Promise.resolve(%s).then(check);`

// evaluateLimit is shorter than commandLimit: WebKit's driver gives no answer for a script whose page is
// replaced meanwhile.
const evaluateLimit = 5 * time.Second

func (tab *driverTab) Evaluate(js string) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), evaluateLimit)
	defer cancel()
	var value any
	run := func(script string) error {
		return tab.driver.in(ctx, tab.handle, func() error {
			return tab.driver.command(ctx, http.MethodPost, "/execute/sync", map[string]any{"script": fmt.Sprintf(evaluation, script), "args": []any{js}}, &value)
		})
	}
	err := run("(0, eval)(arguments[0])")
	if err != nil && strings.Contains(err.Error(), "unsafe-eval") { // the page's policy; an expression runs without eval
		err = run("(" + js + ")")
	}
	if err != nil {
		return nil, err
	}
	return decodeEvaluation(value)
}

func (tab *driverTab) Close() {
	tab.t.Helper()
	if err := tab.do(http.MethodDelete, "/window", nil, nil); err != nil {
		tab.t.Fatalf("close a tab: %v", err)
	}
}
