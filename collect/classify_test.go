package collect

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// countryOf knows one address as a whole, so that a truncated one has no country.
func countryOf(a netip.Addr) string {
	if a == netip.MustParseAddr("203.0.113.7") {
		return "NZ"
	}
	return ""
}

// networkOf finds a bot by the same address.
func networkOf(in BotInput) string {
	if in.Client == netip.MustParseAddr("203.0.113.7") {
		return row.BotNetwork
	}
	return ""
}

func TestHandler_CountryAndBot_JudgedByTheWholeAddress(t *testing.T) {
	for name, x := range map[string]struct {
		options      Options
		optsOut      bool
		country, bot string
	}{
		"truncated addresses": {Options{Country: countryOf, Bot: networkOf}, false, "NZ", row.BotNetwork},
		"hashed addresses":    {Options{Country: countryOf, Bot: networkOf, Address: AddressHashed}, false, "NZ", row.BotNetwork},
		"no addresses":        {Options{Country: countryOf, Bot: networkOf, Address: AddressDropped}, false, "NZ", row.BotNetwork},
		"opted out":           {Options{Country: countryOf, Bot: networkOf, OptOut: OptOutAnonymous}, true, "", row.BotNetwork},
		"off":                 {Options{}, false, "", ""},
		"unusable values": {Options{
			Country: func(netip.Addr) string { return "nz" },
			Bot:     func(BotInput) string { return "two\r\nlines" },
		}, false, "", ""},
	} {
		var kept []byte
		h := Handler(func(record []byte) error { kept = bytes.Clone(record); return nil }, x.options)
		r := httptest.NewRequest("POST", "/x", strings.NewReader("{}"))
		r.RemoteAddr = "203.0.113.7:4711"
		if x.optsOut {
			r.Header.Set("Sec-Gpc", "1")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		record, _, err := warc.Parse(kept)
		if err != nil {
			t.Fatal(err)
		}
		if got := row.Of(&record); got.Country != x.country || got.BotReason != x.bot {
			t.Errorf("%s: got the country %q and the reason %q, want %q and %q", name, got.Country, got.BotReason, x.country, x.bot)
		}
		if x.options.Address != AddressKept && bytes.Contains(kept, []byte("203.0.113.7")) {
			t.Errorf("%s: the record has the whole address: %q", name, kept)
		}
	}
}

func TestHandler_Bot_GetsTheRequest(t *testing.T) {
	var got BotInput
	var body string
	h := Handler(func([]byte) error { return nil }, Options{Referrer: ReferrerOrigin, Bot: func(in BotInput) string {
		got, body = in, string(in.Body)
		return ""
	}})
	r := httptest.NewRequest("POST", "/visits?q=1", strings.NewReader(`{"name":"view"}`))
	r.RemoteAddr = "[2001:db8::1]:4711"
	r.Header = http.Header{"User-Agent": {"Reader/1"}, "Referer": {"https://shop.example/cart"}}
	h.ServeHTTP(httptest.NewRecorder(), r)
	want := BotInput{Client: netip.MustParseAddr("2001:db8::1"), Stream: "/visits", UserAgent: "Reader/1", Referrer: "https://shop.example/"}
	if got.Client != want.Client || got.Stream != want.Stream || got.UserAgent != want.UserAgent || got.Referrer != want.Referrer || body != `{"name":"view"}` {
		t.Errorf("got %+v with the body %s, want %+v", got, body, want)
	}
}

func TestImport_CountryAndBot_KeptOrJudged(t *testing.T) {
	all := Options{Country: countryOf, Bot: networkOf}
	for name, x := range map[string]struct {
		options                        Options
		ip, hasCountry, hasBot, optOut string
		country, bot                   string
	}{
		"the record has them":                {options: all, ip: "203.0.113.0", hasCountry: "FR", hasBot: row.BotReferrer, country: "FR", bot: row.BotReferrer},
		"the record has other ones":          {options: all, ip: "203.0.113.7", hasCountry: "FR", hasBot: row.BotReferrer, country: "FR", bot: row.BotReferrer},
		"the record lacks them":              {options: all, ip: "203.0.113.7", country: "NZ", bot: row.BotNetwork},
		"the record has texts of no use":     {options: all, ip: "203.0.113.0", hasCountry: "France", hasBot: "a b"},
		"no country is stored here":          {options: Options{}, ip: "203.0.113.7", hasCountry: "FR", hasBot: row.BotReferrer, bot: row.BotReferrer},
		"no addresses are stored here":       {options: Options{Country: countryOf, Address: AddressDropped}, ip: "203.0.113.0", hasCountry: "FR", country: "FR"},
		"opted out, and the record has them": {options: Options{Country: countryOf, OptOut: OptOutAnonymous}, optOut: "1", hasCountry: "FR", hasBot: row.BotReferrer, bot: row.BotReferrer},
	} {
		r := sample(1)
		r.IP = x.ip
		r.Extra = warc.Fields{{Name: row.CountryField, Value: x.hasCountry}, {Name: row.BotField, Value: x.hasBot}}
		r.Request.Header = append(r.Request.Header, warc.Field{Name: "Sec-GPC", Value: x.optOut})
		newCollector(x.options.orDefault(), nil).scrub(&r, time.Now())
		if country, bot := r.Extra.Get(row.CountryField), r.Extra.Get(row.BotField); country != x.country || bot != x.bot {
			t.Errorf("%s: got the country %q and the reason %q, want %q and %q", name, country, bot, x.country, x.bot)
		}
	}
}
