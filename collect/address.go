package collect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/collect/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An Address is how much of the client IP is stored. With every value but AddressKept the whole IP is
// never written to disk: request headers that have it are not stored either.
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

// unkept are the headers that are never stored: credentials, and those in which proxies pass on the
// client IP.
var unkept = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true,
	"Forwarded": true, "Forwarded-For": true, "X-Forwarded": true, "X-Forwarded-For": true, "X-Original-Forwarded-For": true,
	"X-Real-Ip": true, "X-Client-Ip": true, "X-Cluster-Client-Ip": true, "X-Envoy-External-Address": true,
	"True-Client-Ip": true, "Client-Ip": true, "Cf-Connecting-Ip": true, "Cf-Connecting-Ipv6": true, "Cf-Pseudo-Ipv4": true,
	"Fastly-Client-Ip": true, "Fly-Client-Ip": true, "X-Azure-Clientip": true, "X-Azure-Socketip": true,
	"X-Appengine-User-Ip": true, "X-Vercel-Forwarded-For": true, "X-Nf-Client-Connection-Ip": true, "X-Remote-Addr": true,
}

// secrets selects the headers of a request that are not stored.
type secrets struct {
	addresses bool       // headers with an IP are not stored
	sender    netip.Addr // the client IP that all headers are searched for; invalid for no search
	spellings [3]string  // of sender: the usual one, and two in hexadecimal, as in the ids that some proxies make
}

// secrets returns the secrets of a request whose client IP is a.
//
//   - Any header may have a, because a proxy can use a header that is not in unkept.
//   - A header that is an IP is not stored, whatever the IP: if a proxy is not trusted, a is the proxy's.
//   - A loopback address is not searched for. It identifies no person, and a developer's pages have it
//     in Origin.
func (c *Collector) secrets(a netip.Addr) secrets {
	s := secrets{addresses: c.options.Address != AddressKept}
	if s.addresses && a.IsValid() && !a.IsLoopback() {
		digits := hex.EncodeToString(a.AsSlice())
		s.sender, s.spellings = a, [3]string{a.String(), digits, strings.ToUpper(digits)}
	}
	return s
}

// has reports whether a header is not stored. name is in canonical form.
func (s *secrets) has(name, value string) bool {
	return unkept[name] || s.addresses && (isAddress(value) || s.sender.IsValid() && s.hasSender(value))
}

const addressBytes = "0123456789abcdefABCDEF.:"

// isAddress reports whether the value is an IP or a list of IPs, with or without ports. One IP in the
// list is enough, if the rest has only the characters of such a list.
func isAddress(value string) bool {
	for i := range len(value) {
		if strings.IndexByte(addressBytes+"[], ", value[i]) < 0 {
			return false // for most headers at the first or the second byte
		}
	}
	if !strings.ContainsAny(value, ".:") {
		return false // a number
	}
	return slices.ContainsFunc(strings.Split(value, ","), func(hop string) bool {
		_, ok := parseHop(hop)
		return ok
	})
}

// hasSender reports whether a part of the value is the client IP, in any spelling of IPv6.
func (s *secrets) hasSender(value string) bool {
	for _, spelling := range s.spellings {
		if strings.Contains(value, spelling) {
			return true
		}
	}
	if strings.Count(value, ":") < 2 {
		return false
	}
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return !strings.ContainsRune(addressBytes, r) }) {
		if hop, ok := parseHop(part); ok && hop == s.sender {
			return true
		}
	}
	return false
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
			extra = warc.Fields{{Name: row.AddressField, Value: c.salt.hash(a, now)}}
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

// A salt is the key of the hash of client IPs: 32 random bytes, new each day (UTC). It is never written
// to disk, because with the salt a hash can be reversed by trying all IPs. The zero value is ready. It is
// safe for concurrent use.
type salt struct {
	mu  sync.Mutex
	day int64
	key [32]byte
}

func (s *salt) hash(a netip.Addr, now time.Time) string {
	s.mu.Lock()
	if day := now.Unix()/(24*60*60) + 1; day > s.day { // a slow request may have begun on the day before
		s.day = day
		rand.Read(s.key[:])
	}
	key := s.key
	s.mu.Unlock()
	sum := hmac.New(sha256.New, key[:])
	sum.Write(a.AsSlice())
	return hex.EncodeToString(sum.Sum(nil)[:hashSize])
}

const hashSize = 8 // bytes, of two hexadecimal digits each

// isHash reports whether s has the form of a salt's hash.
func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == hashSize
}
