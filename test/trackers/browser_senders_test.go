package trackers

// browserSenders are in the order of their files' names. A page shows its library what visitors do: a form is filled in
// and sent, the page is left.
//
// Matomo's own matomo.js is in no package: those named for it load it from a server. The packages here speak its
// protocol.
var browserSenders = []sender{
	{file: "pages/boomerangjs.js", library: "boomerangjs", always: true, used: []string{`"nt_nav_st"`}, left: []string{`"rt.quit"`}, once: `"rt.quit"`},
	{file: "pages/boomerangjs-get.js", library: "boomerangjs", used: []string{`"nt_nav_st"`}, left: []string{`"rt.quit"`}, once: `"rt.quit"`},
	{file: "pages/grafana-faro-web-sdk.js", library: "@grafana/faro-web-sdk", always: true, used: []string{`"name":"signup"`, `"value":"the page broke"`}, left: []string{`"cls":`}, once: `"name":"signup"`},
	{file: "pages/matomo-tracker-react-native.js", library: "matomo-tracker-react-native", used: []string{`"Screen / the page"`, `"e_n":"signup"`}, once: `"e_n":"signup"`},
	{file: "pages/mixpanel-browser.js", library: "mixpanel-browser", always: true, flags: []string{"--answer", "/track/=mixpanel", "--answer", "/engage/=mixpanel"},
		used: []string{`"$mp_web_page_view"`, `"event":"signup"`, `"$set":`}, left: []string{`"event":"left"`}, once: `"event":"signup"`},
	{file: "pages/mixpanel-browser-get.js", library: "mixpanel-browser", flags: []string{"--answer", "/track/=mixpanel"},
		used: []string{`"$mp_web_page_view"`, `"event":"signup"`}, once: `"event":"signup"`},
	{file: "pages/plausible-analytics-tracker.js", library: "@plausible-analytics/tracker", always: true,
		used: []string{`"n":"pageview"`, `"n":"signup"`}, left: []string{`"n":"engagement"`}, once: `"n":"signup"`},
	{file: "pages/plausible-tracker.js", library: "plausible-tracker", used: []string{`"n":"pageview"`, `"n":"signup"`}, once: `"n":"signup"`},
	{file: "pages/posthog-js.js", library: "posthog-js", always: true, flags: []string{"--answer", "/e/=posthog", "--answer", "/flags/=posthog"}, asks: []string{"/array/"},
		used: []string{`"event":"$pageview"`, `"event":"signup"`}, left: []string{`"event":"$pageleave"`}, once: `"event":"$pageview"`},
	{file: "pages/segment-analytics-next.js", library: "@segment/analytics-next", always: true, used: []string{`"type":"page"`, `"type":"identify"`, `"event":"signup"`}, once: `"event":"signup"`},
	{file: "pages/sentry-browser.js", library: "@sentry/browser", always: true, used: []string{`the page broke`, `ui.webvital.lcp`}, left: []string{`ui.webvital.cls`}, once: `the page broke`},
	{file: "pages/snowplow-browser-tracker.js", library: "@snowplow/browser-tracker", always: true, used: []string{`"e":"pv"`, `"se_ac":"signup"`}, left: []string{`"se_ac":"left"`}, once: `"se_ac":"signup"`},
	{file: "pages/snowplow-browser-tracker-get.js", library: "@snowplow/browser-tracker", used: []string{`"e":"pv"`, `"se_ac":"signup"`}, left: []string{`"se_ac":"left"`}, once: `"se_ac":"signup"`},
	{file: "pages/web-vitals.js", library: "web-vitals", always: true, used: []string{`"name":"TTFB"`, `"name":"FCP"`}, left: []string{`"name":"CLS"`}, once: `"name":"CLS"`},
}
