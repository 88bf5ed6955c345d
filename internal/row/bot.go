package row

import "github.com/mileusna/useragent"

// maxUserAgent is more than any browser's has, in bytes; a bot's name is before that.
const maxUserAgent = 1 << 10

// isBot says whether the User-Agent is that of a program which says that it is one: a
// crawler, a preview, a headless browser.
func isBot(userAgent string) bool {
	return useragent.Parse(userAgent[:min(len(userAgent), maxUserAgent)]).Bot
}
