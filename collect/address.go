package collect

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An Address is how much of the client IP is stored.
type Address int

const (
	AddressTruncated Address = iota // /24 of IPv4 or /48 of IPv6, without the bits that identify one household
	AddressKept                     // the whole IP
	AddressDropped                  // nothing
	// AddressHashed is a hash of 16 hexadecimal digits. It is the same for the same IP until midnight
	// UTC, or until the collector restarts, because the salt is only in memory.
	AddressHashed
)

var addressNames = []string{"truncate", "keep", "drop", "hash"}

// MarshalText returns truncate, keep, drop or hash.
func (a Address) MarshalText() ([]byte, error) { return []byte(addressNames[a]), nil }

// UnmarshalText parses what MarshalText returns. The error lists the choices.
func (a *Address) UnmarshalText(text []byte) error {
	return choose(a, addressNames, string(text))
}

// choose sets to to the index of text in names.
func choose[T ~int](to *T, names []string, text string) error {
	for i, name := range names {
		if name == text {
			*to = T(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(names, ", "))
}

// private returns what is stored of a client IP: an IP for WARC-IP-Address, or a hash in the field
// row.AddressField.
func (c *Collector) private(a netip.Addr, now time.Time) (ip string, extra warc.Fields) {
	switch c.options.Address {
	case AddressKept:
		if a.IsValid() {
			ip = a.String()
		}
	case AddressHashed:
		if a.IsValid() {
			extra = warc.Fields{{Name: row.AddressField, Value: c.salt.hash(a.AsSlice(), now)}}
		}
	case AddressTruncated:
		ip = truncated(a)
	}
	return ip, extra
}

// truncated returns the first address of a's network. See AddressTruncated.
func truncated(a netip.Addr) string {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	prefix, err := a.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return "" // the IP is unknown
	}
	return prefix.Addr().String()
}
