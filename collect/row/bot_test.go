package row

import (
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestABotIsWhoSaysSo(t *testing.T) {
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
		if got := Of(r).Bot; got != c.bot {
			t.Errorf("%.80s: %v", c.userAgent, got)
		}
	}
}
