package row

import (
	"strings"
	"sync"

	"github.com/mileusna/useragent"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An Agent is what headers say of the program that sent a beacon. A string is "" if they don't say it.
type Agent struct {
	Browser string // its name without the version, such as Firefox
	OS      string // such as Windows, macOS, iOS, Android, Linux or ChromeOS
	Device  string // desktop, tablet or phone
	// BotReason is why the program counts as a bot, such as BotAgent, or "" for a person. [AgentOf] knows only BotAgent.
	BotReason string
}

// The reasons why a beacon is from a bot. [Row.BotReason] has the first one that applies.
const (
	BotAgent    = "agent"    // the user agent names a crawler, a preview or a headless browser
	BotReferrer = "referrer" // the referrer is a site that bots name
	BotNetwork  = "network"  // the client IP is in a network of bots
)

// maxUserAgent is the number of bytes of a User-Agent that are read. Names of browsers and bots are in them.
const maxUserAgent = 1 << 10

// AgentOf returns the Agent of a User-Agent.
func AgentOf(userAgent string) Agent {
	userAgent = userAgent[:min(len(userAgent), maxUserAgent)]
	agents.Lock()
	defer agents.Unlock()
	agent, ok := agents.known[userAgent]
	if !ok {
		if len(agents.known) >= maxAgents {
			clear(agents.known)
		}
		userAgent = strings.Clone(userAgent)
		agent = parseAgent(userAgent)
		agents.known[userAgent] = agent
	}
	return agent
}

// agents has the results of earlier calls. Parsing takes as long as all the rest of a row, and most beacons come from
// few kinds of browser.
var agents = struct {
	sync.Mutex
	known map[string]Agent
}{known: map[string]Agent{}}

// maxAgents bounds agents to 1 MiB.
const maxAgents = 1 << 10

func parseAgent(userAgent string) Agent {
	ua := useragent.Parse(userAgent)
	agent := Agent{Browser: valid(ua.Name), OS: valid(ua.OS)}
	switch {
	case ua.Bot:
		agent.BotReason = BotAgent
	case ua.Tablet || ua.OS == useragent.Android && !strings.Contains(userAgent, "Mobile"): // as Chrome on Android says it
		agent.Device = "tablet"
	case ua.Mobile:
		agent.Device = "phone"
	case ua.Desktop:
		agent.Device = "desktop"
	}
	return agent
}

// agentOf returns the Agent of a request. Client hints (User-Agent Client Hints, section 3) come before the User-Agent,
// which browsers no longer change.
func agentOf(h warc.Fields) Agent {
	agent := AgentOf(h.Get("User-Agent"))
	if agent.BotReason != "" {
		return agent
	}
	if platform := unquoted(h.Get("Sec-Ch-Ua-Platform")); platform != "" && platform != "Unknown" {
		agent.OS = platform
		if platform == "Chrome OS" || platform == "Chromium OS" {
			agent.OS = useragent.ChromeOS
		}
	}
	if h.Get("Sec-Ch-Ua-Mobile") == "?1" {
		agent.Device = "phone"
	}
	for brand := range strings.SplitSeq(h.Get("Sec-Ch-Ua"), ",") {
		name, _, _ := strings.Cut(brand, ";")
		switch name = unquoted(strings.TrimSpace(name)); {
		case name == "", name == "Chromium", strings.Contains(name, "Not"): // such as Not;A=Brand
		case name == "Google Chrome":
			agent.Browser = useragent.Chrome
		case name == "Microsoft Edge":
			agent.Browser = useragent.Edge
		default:
			agent.Browser = name
		}
	}
	return agent
}

// maxName is the number of bytes of a client hint's name that are stored.
const maxName = 64

// unquoted returns the text of a quoted string of a structured header (RFC 9651, section 3.3.3), or "".
func unquoted(s string) string {
	if len(s) < 2 || len(s) > maxName || s[0] != '"' || s[len(s)-1] != '"' {
		return ""
	}
	return valid(s[1 : len(s)-1])
}
