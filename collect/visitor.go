package collect

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// visitorFile is the file of the salt of visitors in the collector's folder.
const visitorFile = "visitor-salt"

// openVisitorSalt returns the salt of visitors. It is in a file of the collector's folder, so that a restart does not
// change the ids of its day. The next day's replaces it. A file that is missing, damaged or of a later day is replaced
// at the first beacon.
func openVisitorSalt(dir string, shared func(day int64) ([]byte, bool), log *slog.Logger) *salt {
	path := filepath.Join(dir, visitorFile)
	s := &salt{purpose: "visitor", shared: shared, save: func(day int64, key []byte) {
		err := os.WriteFile(path+".new", fmt.Appendf(nil, "%d %x\n", day, key), 0o600)
		if err == nil {
			err = os.Rename(path+".new", path)
		}
		if err != nil {
			log.Error("salt of visitors could not be saved: a restart today counts visitors twice", "file", path, "error", err)
		}
	}}
	if shared != nil {
		if _, ok := shared(dayOf(time.Now()) - 1); ok {
			return s // the file can have bytes of this collector's own
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return s
	}
	var day int64
	var digits string
	if n, _ := fmt.Sscan(string(text), &day, &digits); n == 2 && day <= dayOf(time.Now()) {
		if key, err := hex.DecodeString(digits); err == nil && len(key) == len(s.key) {
			s.day, s.key = day, [32]byte(key)
		}
	}
	return s
}

// visitorID returns the id of a visitor: a hash of client IP, user agent and origin. It is the same for one browser on
// one site until midnight UTC, and can't be compared with those of other days or sites. It is "" without an IP.
func visitorID(s *salt, a netip.Addr, userAgent, origin string, now time.Time) string {
	if !a.IsValid() {
		return ""
	}
	return s.hash(fmt.Appendf(nil, "%s\n%s\n%s", a, origin, userAgent), now)
}
