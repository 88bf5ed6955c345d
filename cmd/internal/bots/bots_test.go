package bots

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// rulesOf returns rules with those of a file.
func rulesOf(t testing.TB, text string) (*Rules, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bots.txt")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := New("/visits")
	return r, r.Add(file)
}

const rules = "\ufeff# our monitoring\r\n" +
	"agent UptimeRobot\r\n" +
	"agent check # v1\n" +
	"\n" +
	"referrer\tSpam.Example   # since May\n" +
	"  network 192.0.2.0/24\n" +
	"network 198.51.100.7\n" +
	"network 2001:db8:1::5/48\n" +
	"network ::ffff:203.0.113.0/120"

func TestReason_EachRule_FindsItsBots(t *testing.T) {
	r, err := rulesOf(t, rules)
	if err != nil {
		t.Fatal(err)
	}
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	for name, x := range map[string]struct {
		ip, agent, referrer, stream, body string
		want                              string
	}{
		"a person":                           {"203.0.112.1", firefox, "https://shop.example/cart", "/visits", `{"name":"view","source":"news.example"}`, ""},
		"nothing is known":                   {"", "", "", "/x", "", ""},
		"an agent in another case":           {"", "Mozilla/5.0 (UPTIMEROBOT/2.0)", "", "/x", "", row.BotAgent},
		"an agent, the rule with a comment":  {"", "Our-Check/3", "", "/x", "", row.BotAgent},
		"an agent past the bytes that count": {"", strings.Repeat("x", maxAgent) + "uptimerobot", "", "/x", "", ""},
		"a referrer":                         {"", firefox, "https://spam.example/free", "/x", "", row.BotReferrer},
		"a referrer on a subdomain":          {"", firefox, "http://a.b.SPAM.example.:8080", "/x", "", row.BotReferrer},
		"a referrer with a user":             {"", firefox, "https://shop.example@spam.example/", "/x", "", row.BotReferrer},
		"a referrer that ends the same":      {"", firefox, "https://nospam.example/", "/x", "", ""},
		"a referrer in a query":              {"", firefox, "https://shop.example?spam.example", "/x", "", ""},
		"a referrer of the built-in list":    {"", firefox, "http://site.semalt.com/", "/x", "", row.BotReferrer},
		"no URL":                             {"", firefox, "spam.example", "/x", "", ""},
		"a source":                           {"", firefox, "https://shop.example/", "/visits", `{"name":"view","view":"a","source":"www.spam.example"}`, row.BotReferrer},
		"a source with a port":               {"", firefox, "", "/visits", `{"name":"view","source":"spam.example:8080"}`, row.BotReferrer},
		"a source of the built-in list":      {"", firefox, "", "/visits", `{"name":"view","source":"darodar.com"}`, row.BotReferrer},
		"a source in another stream":         {"", firefox, "", "/orders", `{"name":"view","source":"spam.example"}`, ""},
		"a source inside of another field":   {"", firefox, "", "/visits", `{"name":"signup","props":{"source":"spam.example"}}`, ""},
		"a source that is not text":          {"", firefox, "", "/visits", `{"name":"view","source":["spam.example"]}`, ""},
		"a source in broken JSON":            {"", firefox, "", "/visits", `{"source":"spam.example"`, ""},
		"a network":                          {"192.0.2.255", firefox, "", "/x", "", row.BotNetwork},
		"beside the network":                 {"192.0.3.0", firefox, "", "/x", "", ""},
		"an IP":                              {"198.51.100.7", firefox, "", "/x", "", row.BotNetwork},
		"another IP":                         {"198.51.100.8", firefox, "", "/x", "", ""},
		"a network of IPv6":                  {"2001:db8:1:ff::1", firefox, "", "/x", "", row.BotNetwork},
		"beside the network of IPv6":         {"2001:db8:2::1", firefox, "", "/x", "", ""},
		"a network in the form of IPv6":      {"203.0.113.9", firefox, "", "/x", "", row.BotNetwork},
		"all three":                          {"192.0.2.1", "uptimerobot", "https://spam.example/", "/x", "", row.BotAgent},
		"a referrer and a network":           {"192.0.2.1", firefox, "https://spam.example/", "/x", "", row.BotReferrer},
	} {
		ip, _ := netip.ParseAddr(x.ip)
		in := collect.BotInput{Client: ip, Stream: x.stream, UserAgent: x.agent, Referrer: x.referrer, Body: []byte(x.body)}
		if got := r.Reason(in); got != x.want {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
	}
}

func TestAdd_BadLine_NamesFileLineAndWhatToWrite(t *testing.T) {
	for line, want := range map[string]string{
		"spam.example":                  "write agent WORD, referrer HOST or network CIDR",
		"Agent x":                       "write agent WORD, referrer HOST or network CIDR",
		"agent":                         "at least 3 characters",
		"agent  ok":                     "at least 3 characters",
		"referrer":                      "write a host alone",
		"referrer com":                  "write a host alone",
		"referrer .example.com":         "write a host alone",
		"referrer https://spam.example": "write a host alone",
		"referrer späm.example":         "xn--",
		"network":                       "such as network 192.0.2.0/24",
		"network 192.0.2.0/33":          "such as network 192.0.2.0/24",
		"network ::ffff:0:0/90":         "such as network 192.0.2.0/24",
		"network fe80::1%eth0":          "such as network 192.0.2.0/24",
		"network 0.0.0.0/0":             "this is each client",
	} {
		_, err := rulesOf(t, "# a comment\n\n"+line+"\n")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bots.txt:3: ") {
			t.Errorf("%q: got the error %v, want one with bots.txt:3 and %q", line, err, want)
		}
	}
	if err := New("/visits").Add(filepath.Join(t.TempDir(), "none")); !os.IsNotExist(err) {
		t.Errorf("a missing file: got the error %v", err)
	}
}

func TestNew_Spammers_AreRulesOfHosts(t *testing.T) {
	for _, host := range Spammers {
		if !isHost(host) {
			t.Errorf("%q is not a host as rules have it", host)
		}
	}
}
