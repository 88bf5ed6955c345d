package row

import (
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestOf_UserAgentSaysBot_HasTheReasonAgent(t *testing.T) {
	const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	for _, c := range []struct {
		userAgent string
		bot       bool
	}{
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", true},
		{"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", true},
		{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", true},
		{"facebookexternalhit/1.1", true},
		{chrome + "HeadlessChrome/142.0.0.0 Safari/537.36", true},
		{chrome + "Chrome/142.0.0.0 Safari/537.36", false},
		{chrome + "Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", false},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", false},
		{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1", false},
		{"Go-http-client/1.1", false},
		{"", false},
		{strings.Repeat("Mozilla/5.0 ((;", 10_000), false},
	} {
		r := record("", "")
		r.Request.Header = warc.Fields{{Name: "User-Agent", Value: c.userAgent}}
		want := ""
		if c.bot {
			want = BotAgent
		}
		if got := Of(r).BotReason; got != want {
			t.Errorf("%.80s: got the reason %q, want %q", c.userAgent, got, want)
		}
	}
}

func TestOf_RecordHasBotField_UserAgentComesFirst(t *testing.T) {
	for _, c := range []struct{ userAgent, field, want string }{
		{"", "", ""},
		{"", BotNetwork, BotNetwork},
		{"Googlebot/2.1", "", BotAgent},
		{"Googlebot/2.1", BotNetwork, BotAgent},
	} {
		r := record("", "")
		r.Request.Header = warc.Fields{{Name: "User-Agent", Value: c.userAgent}}
		r.Extra = warc.Fields{{Name: BotField, Value: c.field}, {Name: CountryField, Value: "NZ"}}
		if got := Of(r); got.BotReason != c.want || got.Country != "NZ" {
			t.Errorf("%+v: got the reason %q and the country %q, want %q and NZ", c, got.BotReason, got.Country, c.want)
		}
	}
}

func TestOf_UserAgentAndHints_BrowserSystemAndDevice(t *testing.T) {
	const (
		windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
		android = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 "
	)
	for _, c := range []struct{ userAgent, brands, platform, mobile, want string }{
		{windows, "", "", "", "Chrome, Windows, desktop"},
		{windows + " Edg/142.0.0.0", "", "", "", "Edge, Windows, desktop"},
		{windows, `"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"`, `"Chrome OS"`, "?0", "Chrome, ChromeOS, desktop"},
		{windows, `"Not;A=Brand";v="8", "Chromium";v="142", "Brave";v="142"`, `"Windows"`, "?0", "Brave, Windows, desktop"},
		{android + "Mobile Safari/537.36", "", "", "", "Chrome, Android, phone"},
		{android + "Safari/537.36", "", "", "", "Chrome, Android, tablet"},
		{android + "Safari/537.36", "", `"Android"`, "?1", "Chrome, Android, phone"},
		{"Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.5 Mobile/15E148 Safari/604.1", "", "", "", "Safari, iOS, tablet"},
		{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "", "", "", "Firefox, macOS, desktop"},
		{windows, "broken", `Windows`, "1", "Chrome, Windows, desktop"},
		{windows, "", `"` + strings.Repeat("x", 100) + `"`, "", "Chrome, Windows, desktop"},
		{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "", `"Linux"`, "?1", "Googlebot, , "},
		{"", "", "", "", ", , "},
	} {
		r := record("", "")
		r.Request.Header = warc.Fields{{Name: "User-Agent", Value: c.userAgent}, {Name: "Sec-CH-UA", Value: c.brands}, {Name: "Sec-CH-UA-Platform", Value: c.platform}, {Name: "Sec-CH-UA-Mobile", Value: c.mobile}}
		a := Of(r).Agent
		if got := a.Browser + ", " + a.OS + ", " + a.Device; got != c.want {
			t.Errorf("%s, %s, %s, %s: got %s, want %s", c.userAgent, c.brands, c.platform, c.mobile, got, c.want)
		}
	}
}
