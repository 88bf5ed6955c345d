//go:build unix

package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const isLoggedOut = `!document.getElementById('logged-out').hidden && document.getElementById('state').textContent === 'Not logged in'`

// loginError is JavaScript for what the form to log in says is wrong.
const loginError = `document.getElementById('error')?.textContent`

// seen returns the URLs that the page has requested and that contain text.
func (o *observer) seen(text string) (urls []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.requests {
		if strings.Contains(r, text) {
			urls = append(urls, r)
		}
	}
	return urls
}

func TestLogin_TheURLThatServePrints_LeavesNoTokenBehind(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	token := collector.p.token()
	o := &observer{}
	page := b.attach("", o.watch)
	page.do("open the URL", chromedp.Navigate(collector.loginURL()))
	await[bool](page, "logged in", `location.href === '`+collector.URL+landing+`'`)
	page.do("open the live page", chromedp.Navigate(collector.URL+"/-/live"))
	await[bool](page, "live", isLive)
	if read := await[string](page, "what the page can read", `document.cookie + ' ' + document.referrer + ' ' + Object.values(localStorage)`); strings.Contains(read, token) || strings.Contains(read, "beacon-operator") {
		t.Errorf("the page can read %q", read)
	}
	history, err := chromedp.Run(page.ctx, chromedp.NavigationEntries())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history.Entries {
		if strings.Contains(e.URL, token) {
			t.Errorf("the tab's history has the token: %s", e.URL)
		}
	}
	if got := o.seen(token); got != nil {
		t.Errorf("requests have the token: %q", got)
	}
	if len(o.complaints) > 0 {
		t.Errorf("the page complains: %q", o.complaints)
	}

	// The login outlives the collector's process.
	address := strings.TrimPrefix(collector.URL, "http://")
	collector.stop()
	await[bool](page, "reconnecting", `document.getElementById('state').textContent === 'Reconnecting…'`)
	collector = collector.p.serve(address)
	await[bool](page, "live again", isLive)
	collector.stop()
}

func TestLogin_ByTheForm_SaysWhatIsWrongAndLogsOut(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	token := collector.p.token()
	o := &observer{}
	page := b.attach("", o.watch)
	page.do("open the live page", chromedp.Navigate(collector.URL+"/-/live"))
	await[bool](page, "logged out", isLoggedOut)
	asked := len(o.seen("/-/tail"))
	if asked > 2 {
		t.Errorf("the page asked %d times for the beacons without a login", asked)
	}
	page.do("follow the link", evaluate(`document.querySelector('#logged-out a').click()`))
	await[bool](page, "the form has the focus", `document.activeElement.id === 'token'`)
	for _, wrong := range []string{"wrong", collector.URL + "/-/login#wrong"} {
		page.do("type a wrong token", evaluate(`document.getElementById('error').textContent = ''`), chromedp.KeyEvent(wrong+kb.Enter))
		if text := await[string](page, "the reason", loginError); !strings.Contains(text, "not the token") {
			t.Errorf("with %s the form says %q", wrong, text)
		}
		await[bool](page, "the wrong text is selected", `document.activeElement.id === 'token' && document.activeElement.selectionEnd > 0 && document.activeElement.getAttribute('aria-invalid') === 'true'`)
	}
	page.do("type the token", chromedp.KeyEvent(token+kb.Enter))
	await[bool](page, "logged in", `location.pathname === '`+landing+`'`)
	page.do("open the live page", chromedp.Navigate(collector.URL+"/-/live"))
	await[bool](page, "live", isLive)
	page.do("log out", evaluate(`document.getElementById('logout').click()`))
	await[bool](page, "logged out again", isLoggedOut)

	page.do("open a URL with a wrong token", chromedp.Navigate(collector.URL+"/-/login#wrong"))
	if text := await[string](page, "the reason", loginError); !strings.Contains(text, "not the token") {
		t.Errorf("with a wrong URL the form says %q", text)
	}
	if at := await[string](page, "the address", `location.href`); at != collector.URL+"/-/login" {
		t.Errorf("the address is %s", at)
	}
	page.do("open the right URL in the same tab", evaluate(`location.hash = '`+token+`'`))
	await[bool](page, "logged in by another URL", `location.pathname === '`+landing+`'`)
	page.do("open the live page", chromedp.Navigate(collector.URL+"/-/live"))
	await[bool](page, "live by another URL", isLive)

	page.do("log out", evaluate(`document.getElementById('logout').click()`))
	await[bool](page, "logged out", isLoggedOut)
	page.do("open the form", chromedp.Navigate(collector.URL+"/-/login"))
	await[bool](page, "the form", `!document.getElementById('login').hidden`)
	collector.stop()
	page.do("log in without a collector", evaluate(`document.getElementById('token').focus()`), chromedp.KeyEvent(token+kb.Enter))
	if text := await[string](page, "the reason", loginError); !strings.Contains(text, "does not answer") {
		t.Errorf("without a collector the form says %q", text)
	}
	if got := o.seen(token); got != nil {
		t.Errorf("requests have the token: %q", got)
	}
}
