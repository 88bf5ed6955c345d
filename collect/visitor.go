package collect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// visitorFile is the file of the salt of visitors in the collector's folder.
const visitorFile = "visitor-salt"

// visitors computes the ids of visitors: a hash of client IP, user agent and origin, with a random salt of the day (UTC).
// So an id is the same for one browser on one site until midnight, and can't be compared with those of other days or
// sites. The salt is on disk, so that a restart does not change the ids of its day. The next day's replaces it. Methods
// are safe for concurrent use.
type visitors struct {
	path string // "" keeps the salt in memory
	log  *slog.Logger

	mu  sync.Mutex
	day string // of the salt, as 2006-01-02
	key [32]byte
}

// openVisitors reads the salt from the collector's folder. A file that is missing, damaged or of another day is replaced
// at the first beacon.
func openVisitors(dir string, log *slog.Logger) *visitors {
	v := &visitors{path: filepath.Join(dir, visitorFile), log: log}
	text, err := os.ReadFile(v.path)
	if err != nil {
		return v
	}
	var day, key string
	if n, _ := fmt.Sscan(string(text), &day, &key); n == 2 {
		if b, err := hex.DecodeString(key); err == nil && len(b) == len(v.key) {
			v.day, v.key = day, [32]byte(b)
		}
	}
	return v
}

// id returns the id of a visitor, which is 16 hexadecimal digits. It is "" without an IP.
func (v *visitors) id(a netip.Addr, userAgent, origin string, now time.Time) string {
	if !a.IsValid() {
		return ""
	}
	key := v.salt(now.UTC().Format(time.DateOnly))
	sum := hmac.New(sha256.New, key[:])
	fmt.Fprintf(sum, "%s\n%s\n%s", a, origin, userAgent)
	return hex.EncodeToString(sum.Sum(nil)[:hashSize])
}

func (v *visitors) salt(day string) [32]byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if day > v.day { // a slow request may have begun on the day before
		v.day = day
		rand.Read(v.key[:])
		if err := v.save(); err != nil {
			v.log.Error("salt of visitors could not be saved: a restart today counts visitors twice", "file", v.path, "error", err)
		}
	}
	return v.key
}

func (v *visitors) save() error {
	if v.path == "" {
		return nil
	}
	fresh := v.path + ".new"
	if err := os.WriteFile(fresh, fmt.Appendf(nil, "%s %x\n", v.day, v.key), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, v.path)
}
