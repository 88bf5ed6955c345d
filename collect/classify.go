package collect

import (
	"net/netip"
	"strings"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// A BotInput is the part of a request that Options.Bot gets.
type BotInput struct {
	Client    netip.Addr // the whole client IP; invalid if it is unknown
	Stream    string     // the URL path, as sent
	UserAgent string
	Referrer  string // the header Referer, as far as Options.Referrer keeps it; its host is always there
	Body      []byte // as sent; valid until Bot returns, and not to be changed
}

// maxReason is the length of a bot's reason.
const maxReason = 32

// classify adds the client's country, and the reason why the client is a bot, to the fields of a record. Fields that
// the record of an import has stay.
func (c *Collector) classify(extra warc.Fields, client netip.Addr, q *warc.Request) warc.Fields {
	if c.options.Country != nil && extra.Get(row.CountryField) == "" {
		if country := c.options.Country(client); isCountry(country) {
			extra = append(extra, warc.Field{Name: row.CountryField, Value: country})
		}
	}
	if c.options.Bot != nil && extra.Get(row.BotField) == "" {
		stream, _ := row.Target(q.Target)
		reason := c.options.Bot(BotInput{client, stream, q.Header.Get("User-Agent"), q.Header.Get("Referer"), q.Body})
		if isReason(reason) {
			extra = append(extra, warc.Field{Name: row.BotField, Value: reason})
		}
	}
	return extra
}

// isCountry reports whether text is two upper-case letters, as codes of ISO 3166-1 are.
func isCountry(text string) bool {
	return len(text) == 2 && text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'A' && text[1] <= 'Z'
}

// isReason reports whether text can be the reason why a client is a bot.
func isReason(text string) bool {
	return text != "" && len(text) <= maxReason && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz-") == ""
}
