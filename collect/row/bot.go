package row

import (
	"strings"
	"sync"

	"github.com/mileusna/useragent"
)

// maxUserAgent is more than any browser's has, in bytes; a bot's name is before that.
const maxUserAgent = 1 << 10

// isBot says whether the User-Agent is that of a program which says that it is one: a
// crawler, a preview, a headless browser.
func isBot(userAgent string) bool {
	userAgent = userAgent[:min(len(userAgent), maxUserAgent)]
	agents.Lock()
	defer agents.Unlock()
	bot, ok := agents.bots[userAgent]
	if !ok {
		if len(agents.bots) >= agentsKept {
			clear(agents.bots)
		}
		bot = useragent.Parse(userAgent).Bot
		agents.bots[strings.Clone(userAgent)] = bot
	}
	return bot
}

// agents remembers what was found out: most beacons come from few kinds of browser, and to
// look at one takes as long as all the rest of a row.
var agents = struct {
	sync.Mutex
	bots map[string]bool
}{bots: map[string]bool{}}

// agentsKept bounds that, to 1 MiB.
const agentsKept = 1 << 10
