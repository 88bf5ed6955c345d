package collect

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// storedHeaders are the headers that are stored, in canonical form, with the check that a value has to pass: those
// that describe the beacon and its page. Any other header may have a client IP or a credential, and is stored only
// with Options.KeepHeader, which also stores values that fail the check.
var storedHeaders = map[string]func(value string) bool{
	"Host": anyValue, "Content-Type": anyValue, "Content-Encoding": anyValue, "Content-Length": anyValue,
	"Idempotency-Key": anyValue, "Date": anyValue, "Beacon-Lost": anyValue, "Traceparent": anyValue,
	"Origin": isOrigin, "Referer": anyValue, "Ping-From": anyValue, "Ping-To": anyValue, "Dnt": anyValue, "Sec-Gpc": anyValue,
	"User-Agent": anyValue, "Accept-Language": anyValue,
	// Fetch Metadata.
	"Sec-Fetch-Site": isWord, "Sec-Fetch-Mode": isWord, "Sec-Fetch-Dest": isWord, "Sec-Fetch-User": isWord, "Sec-Fetch-Storage-Access": isWord,
	// Client hints.
	"Sec-Ch-Ua": isQuoted, "Sec-Ch-Ua-Arch": isQuoted, "Sec-Ch-Ua-Bitness": isQuoted, "Sec-Ch-Ua-Form-Factors": isQuoted,
	"Sec-Ch-Ua-Full-Version": isVersion, "Sec-Ch-Ua-Full-Version-List": isQuoted, "Sec-Ch-Ua-Mobile": isWord, "Sec-Ch-Ua-Model": isQuoted,
	"Sec-Ch-Ua-Platform": isQuoted, "Sec-Ch-Ua-Platform-Version": isVersion, "Sec-Ch-Ua-Wow64": isWord,
	"Sec-Ch-Prefers-Color-Scheme": isWord, "Sec-Ch-Prefers-Contrast": isWord, "Sec-Ch-Prefers-Reduced-Motion": isWord,
	"Sec-Ch-Prefers-Reduced-Transparency": isWord, "Sec-Ch-Forced-Colors": isWord,
	"Sec-Ch-Dpr": isNumber, "Sec-Ch-Width": isNumber, "Sec-Ch-Viewport-Width": isNumber, "Sec-Ch-Viewport-Height": isNumber, "Sec-Ch-Device-Memory": isNumber,
	"Device-Memory": isNumber, "Downlink": isNumber, "Dpr": isNumber, "Rtt": isNumber, "Viewport-Width": isNumber, "Width": isNumber,
	"Ect": isConnection, "Save-Data": isWord,
}

// maxHint bounds the value of a client hint, in bytes.
const maxHint = 1 << 10

func anyValue(string) bool { return true }

// isNumber reports whether a value is a decimal number that a screen, a memory or a network can have. An IPv4 address
// that is written as one number has more digits.
func isNumber(value string) bool {
	whole, fraction, _ := strings.Cut(value, ".")
	return whole != "" && len(whole) <= 6 && len(fraction) <= 20 && strings.Trim(whole+fraction, "0123456789") == ""
}

// isWord reports whether a value is a short word of letters, quoted or not, or a boolean such as ?1.
func isWord(value string) bool {
	return len(value) <= 32 && strings.Trim(strings.ToLower(value), `abcdefghijklmnopqrstuvwxyz-"`) == "" || value == "?0" || value == "?1"
}

// isConnection reports whether a value is an effective connection type (Network Information, "effectiveType").
func isConnection(value string) bool {
	return value == "slow-2g" || value == "2g" || value == "3g" || value == "4g"
}

// isVersion reports whether a value is a quoted string, such as "126.0.0.0".
func isVersion(value string) bool { return len(value) <= maxHint && strings.HasPrefix(value, `"`) }

// isQuoted reports whether a value is a quoted string, or a list of them, and not only an address.
func isQuoted(value string) bool {
	if !isVersion(value) {
		return false
	}
	text, _, _ := strings.Cut(strings.Trim(value, `" `), "%") // without the zone of an address
	if strings.Trim(text, "0123456789abcdefABCDEF.:[]") != "" {
		return true // without the cost of parsing it
	}
	_, notAddress := netip.ParseAddr(strings.Trim(text, "[]"))
	_, notAddressPort := netip.ParseAddrPort(text)
	return notAddress != nil && notAddressPort != nil
}

// NeverStored are the headers that Options.KeepHeader can't have: credentials of the sender.
func NeverStored() []string { return []string{"Authorization", "Cookie", "Proxy-Authorization"} }

// A headerFilter selects the headers of a request that are stored.
type headerFilter struct {
	more     map[string]bool // Options.KeepHeader, in canonical form
	referrer Referrer
}

func newHeaderFilter(o Options) headerFilter {
	f := headerFilter{referrer: o.Referrer, more: map[string]bool{}}
	for _, name := range o.KeepHeader {
		f.more[http.CanonicalHeaderKey(name)] = true
	}
	for _, name := range NeverStored() {
		delete(f.more, name)
	}
	return f
}

// stores reports whether a header is stored. name is in canonical form.
func (f *headerFilter) stores(name string) bool { return storedHeaders[name] != nil || f.more[name] }

// value returns what is stored of a header's value. ok is false if that is nothing.
func (f *headerFilter) value(name, value string) (stored string, ok bool) {
	switch name {
	case "Referer", "Ping-From", "Ping-To":
		value = f.referrer.trim(value)
		return value, value != ""
	}
	return value, f.more[name] || storedHeaders[name](value)
}

// apply removes from a header of a file what is not stored of a request.
func (f *headerFilter) apply(header warc.Fields) warc.Fields {
	kept := header[:0]
	for _, h := range header {
		name := http.CanonicalHeaderKey(h.Name)
		if !f.stores(name) {
			continue
		}
		if value, ok := f.value(name, h.Value); ok {
			kept = append(kept, warc.Field{Name: h.Name, Value: value})
		}
	}
	return kept
}
