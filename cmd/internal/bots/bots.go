// Package bots decides by rules whether a request is from a bot.
package bots

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/seed-d051cf5a/beacon/collect"
	"github.com/seed-d051cf5a/beacon/collect/row"
)

// Spammers are the hosts that bots have named as the referrer of made-up visits for many years. Each is in Matomo's
// public list of referrer spammers (github.com/matomo-org/referrer-spam-list, spammers.txt).
var Spammers = []string{
	"semalt.com", "semaltmedia.com", "buttons-for-website.com", "buttons-for-your-website.com", "darodar.com", "ilovevitaly.com",
	"free-share-buttons.com", "simple-share-buttons.com", "best-seo-offer.com", "100dollars-seo.com", "get-free-traffic-now.com",
	"blackhatworth.com", "hulfingtonpost.com", "priceg.com", "howtostopreferralspam.eu",
}

// Rules decide whether a request is from a bot. After Add they are safe for concurrent use.
type Rules struct {
	stream    string // of the browser script's events
	agents    []string
	referrers map[string]bool
	networks  map[netip.Prefix]bool
	lengths   []prefixLength // of networks
}

// A prefixLength is a number of bits of the prefixes of IPv4 or of IPv6.
type prefixLength struct {
	ipv4 bool
	bits int
}

// New returns rules with Spammers. stream is that of the browser script's events, whose views name the referrer's host.
func New(stream string) *Rules {
	r := &Rules{stream: stream, referrers: map[string]bool{}, networks: map[netip.Prefix]bool{}}
	for _, host := range Spammers {
		r.referrers[host] = true
	}
	return r
}

// Add adds the rules of a file, one a line:
//
//	agent WORD       a User-Agent with this text, in upper or lower case
//	referrer HOST    a referrer on this host or on a subdomain
//	network CIDR     a client IP in this network; an IP stands for itself
//
// Empty lines, and text from a # at the beginning of a line or after a space, don't count. An error names the file, the
// line and what to write.
func (r *Rules) Add(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), "\ufeff")) {
		n++
		if line = strings.TrimSpace(withoutComment(line)); line == "" {
			continue
		}
		if err := r.add(line); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return nil
}

func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

// minWord is the shortest text of a rule for user agents: shorter ones are in those of browsers.
const minWord = 3

func (r *Rules) add(line string) error {
	kind, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	value = strings.ToLower(strings.TrimSpace(value))
	switch kind {
	case row.BotAgent:
		if len(value) < minWord {
			return fmt.Errorf("%q: write a part of the user agent with at least %d characters, such as agent uptimerobot", line, minWord)
		}
		r.agents = append(r.agents, value)
	case row.BotReferrer:
		if !isHost(value) {
			return fmt.Errorf("%q: write a host alone, such as referrer spam.example; one with other letters in its ASCII form, xn--…", line)
		}
		r.referrers[value] = true
	case row.BotNetwork:
		network, err := parseNetwork(value)
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		r.networks[network] = true
		if length := (prefixLength{network.Addr().Is4(), network.Bits()}); !slices.Contains(r.lengths, length) {
			r.lengths = append(r.lengths, length)
		}
	default:
		return fmt.Errorf("%q: write agent WORD, referrer HOST or network CIDR", line)
	}
	return nil
}

// isHost reports whether text is a host name in ASCII, of at least two labels: one label alone would be a whole top-level
// domain.
func isHost(text string) bool {
	labels := strings.Split(text, ".")
	return len(labels) > 1 && !slices.Contains(labels, "") && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}

func parseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if ip, notIP := netip.ParseAddr(text); notIP == nil && ip.Zone() == "" {
		network, err = netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	if err == nil && network.Addr().Is4In6() {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	switch {
	case err != nil || !network.IsValid():
		return network, fmt.Errorf("write a network, such as network 192.0.2.0/24, or an IP")
	case network.Bits() == 0:
		return network, fmt.Errorf("this is each client: write a network, such as network 192.0.2.0/24")
	}
	return network.Masked(), nil
}

// Reason returns why a request is from a bot, or "". Of several reasons it is the first of agent, referrer and network.
func (r *Rules) Reason(in collect.BotInput) string {
	switch {
	case r.isAgent(in.UserAgent):
		return row.BotAgent
	case r.isReferrer(hostOf(in.Referrer)), r.isReferrer(r.source(in)):
		return row.BotReferrer
	case r.isNetwork(in.Client):
		return row.BotNetwork
	}
	return ""
}

// maxAgent is how many bytes of a User-Agent are read, as in package row.
const maxAgent = 1 << 10

func (r *Rules) isAgent(userAgent string) bool {
	if len(r.agents) == 0 {
		return false
	}
	userAgent = strings.ToLower(userAgent[:min(len(userAgent), maxAgent)])
	return slices.ContainsFunc(r.agents, func(word string) bool { return strings.Contains(userAgent, word) })
}

// isReferrer reports whether a rule has host or a domain above it.
func (r *Rules) isReferrer(host string) bool {
	for host != "" {
		if r.referrers[host] {
			return true
		}
		_, host, _ = strings.Cut(host, ".")
	}
	return false
}

func (r *Rules) isNetwork(ip netip.Addr) bool {
	for _, length := range r.lengths {
		if ip.Is4() != length.ipv4 {
			continue
		}
		if network, err := ip.Prefix(length.bits); err == nil && r.networks[network] {
			return true
		}
	}
	return false
}

// hostOf returns the host of a URL, as rules have it, or "".
func hostOf(url string) string {
	_, host, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	host, _, _ = strings.Cut(host, ":")
	return asHost(host)
}

// asHost returns a host as rules have it: in lower case and without the dot at the end.
func asHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

var sourceName = []byte(`"source"`)

// source returns the host of the referrer of a view of the browser script, or "". The Referer of such a request is the
// page itself. The body of a request without a source is not decoded.
func (r *Rules) source(in collect.BotInput) string {
	if in.Stream != r.stream || !bytes.Contains(in.Body, sourceName) {
		return ""
	}
	var event struct {
		Source string `json:"source"`
	}
	if json.Unmarshal(in.Body, &event) != nil {
		return ""
	}
	host, _, _ := strings.Cut(event.Source, ":") // location.host has a port
	return asHost(host)
}
