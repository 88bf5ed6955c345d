package collect

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"
)

// A salt is the key of a hash: 32 random bytes, new each day (UTC). Whoever has the salt can reverse a hash by trying all
// IPs, so that of addresses is never written to this machine's disk. The zero value is ready. It is safe for concurrent use.
type salt struct {
	purpose string                                // of the hashes: a shared key serves several
	shared  func(day int64) (key []byte, ok bool) // Options.Salt, or nil
	save    func(day int64, key []byte)           // called with each new key; nil keeps it in memory

	mu  sync.Mutex
	day int64 // since 1970, from 1
	key [32]byte
}

// dayOf returns the day of a salt.
func dayOf(now time.Time) int64 { return now.Unix()/(24*60*60) + 1 }

// hash returns the hash of data, which is 16 hexadecimal digits.
func (s *salt) hash(data []byte, now time.Time) string {
	s.mu.Lock()
	if day := dayOf(now); day > s.day { // a slow request may have begun on the day before
		s.day = day
		s.renew(day)
		if s.save != nil {
			s.save(day, s.key[:])
		}
	}
	key := s.key
	s.mu.Unlock()
	sum := hmac.New(sha256.New, key[:])
	sum.Write(data)
	return hex.EncodeToString(sum.Sum(nil)[:hashSize])
}

// renew sets the key of a day.
func (s *salt) renew(day int64) {
	if s.shared != nil {
		if key, ok := s.shared(day - 1); ok {
			sum := hmac.New(sha256.New, key)
			sum.Write([]byte(s.purpose))
			copy(s.key[:], sum.Sum(nil))
			return
		}
	}
	rand.Read(s.key[:])
}

const hashSize = 8 // bytes, of two hexadecimal digits each

// isHash reports whether s has the form of a salt's hash.
func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == hashSize
}
