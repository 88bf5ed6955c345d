// Package geoip finds the country of an IP in a MaxMind DB file, such as GeoLite2-Country.mmdb.
package geoip

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"
)

// check is how often, at most, look-ups check whether the file has changed.
const check = time.Second

// maxSize is the largest file, in bytes. The file is in memory, twice while a new one is read. Files of countries have
// about 10 MiB, those of cities more than 60.
const maxSize = 32 << 20

// A Database is read from a file, and again when the file changes. A changed file that can't be used leaves the data
// before it in use. If that lasts for more than one check, it is logged. Its methods are safe for concurrent use.
//
// The file is read into memory and not mapped, because a mapped file that is cut short ends the process.
type Database struct {
	file string
	log  *slog.Logger

	current atomic.Pointer[maxminddb.Reader]
	checked atomic.Int64 // the time of the last check, in nanoseconds since 1970
	// The fields below are for the goroutine that checks the file, one at a time.
	mu      sync.Mutex
	version version
	refused version // the version that could not be used at the last check
	logged  bool    // so was that
}

// A version changes when the file is written, or when another one takes its name.
type version struct {
	modified time.Time
	size     int64
}

// Open reads a file and checks all of it. A file without countries is an error.
func Open(file string, log *slog.Logger) (*Database, error) {
	d := &Database{file: file, log: log}
	d.checked.Store(time.Now().UnixNano())
	v, err := d.stat()
	if err != nil {
		return nil, err
	}
	r, err := load(file, v.size)
	if err != nil {
		return nil, err
	}
	d.version = v
	d.current.Store(r)
	return d, nil
}

func (d *Database) stat() (version, error) {
	info, err := os.Stat(d.file)
	if err != nil {
		return version{}, err
	}
	return version{info.ModTime(), info.Size()}, nil
}

// load reads a file of size bytes and checks all of it.
func load(file string, size int64) (*maxminddb.Reader, error) {
	if size > maxSize {
		return nil, fmt.Errorf("%s has %d MiB, and %d MiB is the most: use a file of countries, and not of cities", file, size>>20, maxSize>>20)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r, err := maxminddb.OpenBytes(data)
	if err == nil {
		err = r.Verify()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged, or not a MaxMind DB file: %w", file, err)
	}
	for network := range r.Networks() {
		if country(network) != "" {
			return r, nil
		}
	}
	return nil, fmt.Errorf("%s has no countries (country.iso_code); its type is %s", file, r.Metadata.DatabaseType)
}

// Country returns the country of an IP as two letters (ISO 3166-1), or "" if it is unknown. Where an IP has no country
// of its use, it is the country where the IP is registered.
func (d *Database) Country(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	now := time.Now().UnixNano()
	if last := d.checked.Load(); now-last > int64(check) && d.checked.CompareAndSwap(last, now) {
		go d.reload() // reading a file takes up to a second, and a beacon waits for this look-up
	}
	return country(d.current.Load().Lookup(ip))
}

// country returns the country of a result, or "".
func country(r maxminddb.Result) string {
	type place struct {
		Code string `maxminddb:"iso_code"`
	}
	var found struct {
		Country    place `maxminddb:"country"`
		Registered place `maxminddb:"registered_country"`
	}
	if r.Decode(&found) != nil {
		return ""
	}
	if found.Country.Code != "" {
		return found.Country.Code
	}
	return found.Registered.Code
}

var errChanging = errors.New("the file changed while it was read")

// reload reads the file if it has changed.
func (d *Database) reload() {
	if !d.mu.TryLock() {
		return // the check before this one still reads the file
	}
	defer d.mu.Unlock()
	v, err := d.stat()
	if err == nil && v == d.version {
		d.logged = false
		return
	}
	var r *maxminddb.Reader
	if err == nil {
		r, err = load(d.file, v.size)
	}
	if after, _ := d.stat(); err == nil && after != v {
		err = errChanging
	}
	switch {
	case err == nil:
		d.current.Store(r)
		d.version, d.refused, d.logged = v, version{}, false
		d.log.Info("the new file of countries is in use", "file", d.file)
	case v != d.refused:
		d.refused, d.logged = v, false
	case !d.logged:
		d.logged = true
		d.log.Error("the changed file of countries can't be used", "error", err, "hint", "the one before stays in use until the file can be read")
	}
}
