package trackers

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
	"github.com/seed-d051cf5a/beacon/test/collectortest"
)

// A collector is a running `beacon serve`.
type collector struct {
	*collectortest.Collector
	t *testing.T
}

// serve starts a collector for a sender. It ends with the test.
func serve(t *testing.T, command string, s sender) *collector {
	t.Helper()
	if !s.secure {
		return &collector{collectortest.Serve(t, command, s.flags...), t}
	}
	cert, key, roots := certtest.Write(t, t.TempDir(), 1)
	c := collectortest.Serve(t, command, append(s.flags, "--tls-cert", cert, "--tls-key", key)...)
	c.Client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	return &collector{c, t}
}

// query returns the rows of a query whose columns are all text.
func (c *collector) query(sql string) (rows [][]string) {
	c.t.Helper()
	return c.Query(c.t, sql)
}

// count returns how many rows have a text in their data.
func (c *collector) count(text string) int {
	c.t.Helper()
	return len(c.query("select id::varchar from beacons where contains(data::varchar, '" + text + "')"))
}

// await waits until each of the texts is in the data of at least n rows.
func (c *collector) await(texts []string, n int) {
	c.t.Helper()
	for _, text := range texts {
		c.until(text, n, func() int { return c.count(text) })
	}
}

// awaitRows waits until there are at least n rows.
func (c *collector) awaitRows(n int) {
	c.t.Helper()
	c.until("anything", n, func() int { return len(c.query("select id::varchar from beacons")) })
}

// until waits until count returns at least n. If it does not, the test fails but goes on, to say which rows there are.
func (c *collector) until(what string, n int, count func() int) {
	c.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		there := count()
		if there >= n {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("%s is in %d rows of %d after %v", what, there, n, patience)
			return
		}
	}
}
