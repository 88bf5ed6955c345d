//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// postVaried posts beacons of several kinds, some with long words.
func (s *server) postVaried() {
	s.p.t.Helper()
	s.post("/shop/"+strings.Repeat("long", 20), "application/json", `{"plan":"pro","word":"`+strings.Repeat("word", 100)+`"}`)
	s.post("/text", "text/plain", strings.Repeat("word", 100))
	s.post("/empty", "text/plain", "")
	s.post("/binary", "application/octet-stream", "\x00\xff\x01")
	s.post("/broken", "application/json", `{"a":`)
}

func TestLivePage_AnyWidth_FitsWithoutSidewaysScroll(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	page := b.attach("")
	fits := func(view string) {
		t.Helper()
		for _, width := range []int64{320, 390, 768, 1280, 2000} {
			page.do("set the width", chromedp.EmulateViewport(width, 800))
			await[bool](page, "the width", fmt.Sprintf("innerWidth === %d", width))
			if wide := await[float64](page, "the content's width", `document.documentElement.scrollWidth`); wide > float64(width) {
				t.Errorf("%s at %d pixels is %v wide", view, width, wide)
			}
		}
	}
	collector.openLive(page, "")
	await[bool](page, "the first view", viewOf("first"))
	fits("the first view")
	collector.postVaried()
	await[bool](page, "the rows", `document.querySelectorAll('#beacons .line').length === 5`)
	page.do("open all rows", evaluate(`document.querySelectorAll('#beacons .line button').forEach(b => b.click())`))
	fits("the list with open rows")
	page.do("filter", evaluate(`document.getElementById('filter').focus()`), chromedp.KeyEvent("/"+strings.Repeat("none", 20)+kb.Enter))
	await[bool](page, "no match", `document.getElementById('empty').checkVisibility()`)
	fits("the filtered list")
	page.do("log out", evaluate(`document.getElementById('logout').click()`))
	await[bool](page, "logged out", isLoggedOut)
	fits("the logged-out page")
}

func TestLivePage_TabKey_ReachesEachControlInOrder(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/n", "application/json", `{"a":1}`)
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the row", is(streams, "/n"))
	page.do("open the row", evaluate(`document.querySelector('#beacons .line button').click(); document.activeElement.blur()`))
	want := []string{"/", "/-/live", "logout", "filter", "pause", "BUTTON", "data"}
	var got []string
	for range want {
		page.do("press Tab", chromedp.KeyEvent(kb.Tab))
		got = append(got, await[string](page, "the control", `(e => e.id || e.getAttribute('href') || e.getAttribute('aria-label') || e.className || e.tagName)(document.activeElement)`))
		if outline := await[string](page, "the outline", `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
			t.Errorf("%s has no outline with the focus", got[len(got)-1])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// accessible returns the roles and names that a screen reader gets, such as "button Pause".
func (tab *tab) accessible() (nodes []string) {
	tab.t.Helper()
	tree, err := chromedp.Call(tab.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		tab.t.Fatalf("read the accessibility tree: %v", err)
	}
	text := func(v *accessibility.Value) (s string) {
		if v != nil {
			json.Unmarshal(v.Value, &s)
		}
		return s
	}
	for _, n := range tree.Nodes {
		if !n.Ignored {
			nodes = append(nodes, strings.TrimSpace(text(n.Role)+" "+text(n.Name)))
		}
	}
	return nodes
}

func TestLivePage_AccessibilityTree_NamesEachPart(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	page := b.attach("")
	check := func(view string, want ...string) {
		t.Helper()
		got := page.accessible()
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s has no %q: %q", view, w, got)
			}
		}
		for _, role := range []string{"button", "link", "searchbox", "textbox", "combobox", "region", "table", "image", "navigation"} {
			if slices.Contains(got, role) {
				t.Errorf("%s has a %s without a name", view, role)
			}
		}
	}
	collector.openLive(page, "")
	await[bool](page, "the first view", viewOf("first"))
	check("the first view", "banner", "navigation Pages", "link Dashboard", "link Live", "main", "heading Live", "region No beacons yet", "link Send a beacon and leave", "button Copy the Go lines")
	collector.post("/n", "application/json", `{"a":1}`)
	await[bool](page, "the row", is(streams, "/n"))
	page.do("open the row", evaluate(`document.querySelector('#beacons .line button').click()`))
	for _, width := range []int64{1280, 390} { // the table is laid out as cards on a phone
		page.do("set the width", chromedp.EmulateViewport(width, 800))
		await[bool](page, "the width", fmt.Sprintf("innerWidth === %d", width))
		check(fmt.Sprintf("the list at %d pixels", width), "heading Live", "heading Newest beacons", "region Beacons by the minute", "table Newest beacons", "columnheader Stream", "cell /n", "button Pause", "group data")
	}
}

func TestLivePage_Printed_HasNoControlsAndIsLight(t *testing.T) {
	b := startBrowser(t)
	collector := newPlace(t).serve("127.0.0.1:0")
	collector.post("/n", "text/plain", "x")
	page := b.attach("")
	collector.openLive(page, "")
	await[bool](page, "the row", is(streams, "/n"))
	dark := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}
	emulate := func(media string) (colour string) {
		t.Helper()
		if _, err := chromedp.Call(page.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: dark}); err != nil {
			t.Fatal(err)
		}
		return await[string](page, "the colour of the paper", `matchMedia('`+media+`').matches && getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()`)
	}
	onScreen, onPaper := emulate("screen"), emulate("print")
	if onScreen == onPaper || onPaper != "#fcfcfb" {
		t.Errorf("the paper is %s on screen and %s in print, want dark and light", onScreen, onPaper)
	}
	if got := await[string](page, "the controls", `[...document.querySelectorAll('nav a, #logout, #filter, #pause')].filter(e => e.checkVisibility()).map(e => e.id || e.href).join(' ') || 'none'`); got != "none" {
		t.Errorf("the print has the controls %s", got)
	}
	await[bool](page, "figures, chart and row", `['total', 'chart'].every(id => document.getElementById(id).checkVisibility()) && document.querySelector('#beacons .line time').checkVisibility()`)
}
