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

	"github.com/seed-d051cf5a/beacon/internal/row"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// An Address is what is kept of the address that a beacon came from. But for AddressKept, the
// address itself is never on disk: what else the request's headers have of it is left out too.
type Address int

const (
	AddressTruncated Address = iota // without what names one household: a /24 of IPv4, a /48 of IPv6
	AddressKept                     // as it is
	AddressDropped                  // nothing
	// AddressHashed is 16 hexadecimal digits that are the same for the same address until
	// midnight, UTC, and until the collector is started again: their salt is in memory alone.
	AddressHashed
)

var addressNames = []string{"truncate", "keep", "drop", "hash"}

// MarshalText returns truncate, keep, drop or hash.
func (a Address) MarshalText() ([]byte, error) { return []byte(addressNames[a]), nil }

// UnmarshalText reads what MarshalText writes; the error names the choices.
func (a *Address) UnmarshalText(text []byte) error {
	return choose(a, addressNames, string(text))
}

func choose[T ~int](to *T, names []string, text string) error {
	for i, name := range names {
		if name == text {
			*to = T(i)
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(names, ", "))
}

// unkept are the headers that never reach the disk: those that let somebody in, and those in
// which proxies pass on an address.
var unkept = map[string]bool{
	"Authorization": true, "Proxy-Authorization": true, "Cookie": true,
	"Forwarded": true, "Forwarded-For": true, "X-Forwarded": true, "X-Forwarded-For": true, "X-Original-Forwarded-For": true,
	"X-Real-Ip": true, "X-Client-Ip": true, "X-Cluster-Client-Ip": true, "X-Envoy-External-Address": true,
	"True-Client-Ip": true, "Client-Ip": true, "Cf-Connecting-Ip": true, "Cf-Connecting-Ipv6": true, "Cf-Pseudo-Ipv4": true,
	"Fastly-Client-Ip": true, "Fly-Client-Ip": true, "X-Azure-Clientip": true, "X-Azure-Socketip": true,
	"X-Appengine-User-Ip": true, "X-Vercel-Forwarded-For": true, "X-Nf-Client-Connection-Ip": true, "X-Remote-Addr": true,
}

// secrets are the headers of a request that are not kept.
type secrets struct {
	addresses bool       // are secret
	sender    netip.Addr // valid where it may be somewhere in a header
	spellings [3]string  // the usual ones of it; in hex it is in the ids that some proxies make
}

// secrets are those of a request from that address. A proxy that nobody has heard of may have
// put the address into any header; one that isn't trusted has put another into it than that of
// the connection. That of every machine tells nothing of anybody, and stands in the origins of
// who develops there.
func (c *Collector) secrets(a netip.Addr) secrets {
	s := secrets{addresses: c.options.Address != AddressKept}
	if s.addresses && a.IsValid() && !a.IsLoopback() {
		digits := hex.EncodeToString(a.AsSlice())
		s.sender, s.spellings = a, [3]string{a.String(), digits, strings.ToUpper(digits)}
	}
	return s
}

func (s *secrets) has(name, value string) bool {
	return unkept[name] || s.addresses && (isAddress(value) || s.sender.IsValid() && s.hasSender(value))
}

const addressBytes = "0123456789abcdefABCDEF.:"

// isAddress says whether the value is nothing but an address, or a list of them.
func isAddress(value string) bool {
	for i := range len(value) {
		if strings.IndexByte(addressBytes+"[], ", value[i]) < 0 {
			return false // nearly always at the first or the second byte
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

// hasSender says whether the sender's address is somewhere in the value. IPv6 can be spelled in
// many ways.
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

// private is what is kept of an address: for WARC-IP-Address where it is still one, and a
// field of ours where it isn't.
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

func truncated(a netip.Addr) string {
	bits := 48
	if a.Is4() {
		bits = 24
	}
	prefix, err := a.Prefix(bits)
	if err != nil || !prefix.IsValid() {
		return "" // it isn't known
	}
	return prefix.Addr().String()
}

// A salt makes the hash of an address another one each day. It is never written anywhere:
// who had it could try all addresses.
type salt struct {
	mu  sync.Mutex
	day int64
	key [32]byte
}

func (s *salt) hash(a netip.Addr, now time.Time) string {
	s.mu.Lock()
	if day := now.Unix()/(24*60*60) + 1; day != s.day {
		s.day = day
		rand.Read(s.key[:])
	}
	key := s.key
	s.mu.Unlock()
	sum := hmac.New(sha256.New, key[:])
	sum.Write(a.AsSlice())
	return hex.EncodeToString(sum.Sum(nil)[:hashSize])
}

const hashSize = 8 // bytes, each two digits

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == hashSize
}
