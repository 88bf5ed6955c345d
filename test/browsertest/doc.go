// Package browsertest starts the browsers that tests drive. Chromium is driven by chromedp, Firefox by
// WebDriver BiDi and WebKitGTK by WebDriver. A test of all engines uses [Start] and the interfaces
// [Browser] and [Tab]. A test that needs more of Chromium uses [StartChromium].
package browsertest
