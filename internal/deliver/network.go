package deliver

import (
	"os"
	"strings"
	"sync"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/fetch"
	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// The record's extension fields for the network by which it leaves: that of the program's environment when
// it was sent.
const (
	ProxyField    = "Beacon-Proxy" // a [fetch.Proxy]
	CertFileField = "Beacon-Cert-File"
	CertDirField  = "Beacon-Cert-Dir"
)

// AppendNetwork appends a network's fields.
func AppendNetwork(extra warc.Fields, n fetch.Network) warc.Fields {
	extra = append(extra, warc.Field{Name: ProxyField, Value: string(n.Proxy)})
	if n.CertFile != "" {
		extra = append(extra, warc.Field{Name: CertFileField, Value: n.CertFile})
	}
	if n.CertDir != "" {
		extra = append(extra, warc.Field{Name: CertDirField, Value: n.CertDir})
	}
	return extra
}

// withoutNetwork returns the fields without a network's: the proxy may have a password in it.
func withoutNetwork(extra warc.Fields) warc.Fields {
	return extra.Without(ProxyField).Without(CertFileField).Without(CertDirField)
}

// use has the lane leave by the network of a record, if that is its newest.
func (l *lane) use(r *warc.Record) {
	if r.Date.Before(l.newest) {
		return
	}
	l.newest = r.Date
	n := fetch.Network{
		Proxy:    fetch.Proxy(r.Extra.Get(ProxyField)),
		CertFile: r.Extra.Get(CertFileField), CertDir: r.Extra.Get(CertDirField),
	}
	if n != l.network {
		l.network = fetch.Network{
			Proxy:    fetch.Proxy(strings.Clone(string(n.Proxy))),
			CertFile: strings.Clone(n.CertFile), CertDir: strings.Clone(n.CertDir),
		}
	}
}

// A Program is what started a deliverer.
type Program struct {
	Began       time.Time
	Environment fetch.Environment
}

// ThisProgram returns this process, if it delivers itself. It began when ThisProgram was called first.
var ThisProgram = sync.OnceValue(func() Program { return Program{time.Now(), fetch.ReadEnvironment()} })

// beganVar is the environment's variable with the beginning of the program that started the deliverer.
const beganVar = "BEACON_DELIVERER_BEGAN"

// Variables returns what a detached deliverer needs in its environment to know the program. It may have
// another working directory.
func (p Program) Variables() []string {
	return append(p.Environment.Variables(), beganVar+"="+p.Began.Format(time.RFC3339Nano))
}

// StartedBy returns the program that started this process, a detached deliverer. It removes the variables
// for certificates, which would count for the beacons of all programs.
func StartedBy() Program {
	p := Program{Environment: fetch.ReadEnvironment()}
	p.Began, _ = time.Parse(time.RFC3339Nano, os.Getenv(beganVar))
	os.Unsetenv(beganVar)
	os.Unsetenv("SSL_CERT_FILE")
	os.Unsetenv("SSL_CERT_DIR")
	return p
}

// network returns the network for a lane: that of its newest record, or that of the program that started
// the deliverer if the program began after that. So whoever corrects a proxy and runs a program again has
// the waiting beacons leave by the new one. A record without a network is one that was put back from dead/.
func (p Program) network(l *lane) fetch.Network {
	if l.network.Proxy != fetch.ProxyFromEnvironment && !p.Began.After(l.newest) {
		return l.network
	}
	scheme, host, _ := strings.Cut(l.origin.name, "://")
	return p.Environment.Network(scheme, host)
}
