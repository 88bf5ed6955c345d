package clickhouse

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// The ports of ClickHouse's HTTP interface, without and with TLS.
const (
	defaultPort    = "8123"
	defaultTLSPort = "8443"
)

// A Target names a view of a database of ClickHouse, and the user.
type Target struct {
	Host     string // host:port
	TLS      bool
	User     string // "" for ClickHouse's default
	Database string
	View     string
}

// name is a name of a database or a view: others would need quotes in each query of their users.
var name = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// ParseURL parses the URL of a view, such as
//
//	clickhouse://host/db
//	clickhouses://user@host:8443/db.view
//
// clickhouses means TLS. The port is 8123, or 8443 with TLS. The view is "beacons" if the URL names none. A password is
// an error, because ps shows a command's arguments to all users.
func ParseURL(text string) (Target, error) {
	t := Target{View: "beacons"}
	scheme, _, ok := strings.Cut(text, "://")
	port := defaultPort
	switch {
	case ok && strings.EqualFold(scheme, "clickhouse"):
	case ok && strings.EqualFold(scheme, "clickhouses"):
		t.TLS, port = true, defaultTLSPort
	case ok && strings.HasPrefix(strings.ToLower(scheme), "http"):
		return t, errors.New("a ClickHouse database is named with clickhouse://host/db, or clickhouses:// for https")
	default:
		return t, fmt.Errorf("%q is not the URL of a ClickHouse database\nhint: write it as clickhouse://host/db, or clickhouses:// for TLS", text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return t, errors.New("the ClickHouse URL can't be read\nhint: write it as clickhouse://user@host:8123/db") // err quotes it, and it may have a password
	}
	if _, has := u.User.Password(); has {
		return t, errors.New("the ClickHouse URL has a password, which ps would show to all users\nhint: remove it from the URL, and put it into a file: see --to-password-file")
	}
	switch t.User = u.User.Username(); {
	case u.Hostname() == "":
		return t, fmt.Errorf("%q names no host\nhint: write it as clickhouse://host/db", text)
	case u.RawQuery != "" || u.Fragment != "":
		return t, fmt.Errorf("%q has a query: the URL ends with the database, and flags set all else", text)
	case u.Port() == "9000" || u.Port() == "9440":
		return t, fmt.Errorf("%q: port %s is ClickHouse's native protocol\nhint: use the port of its HTTP interface: 8123, or 8443 with TLS", text, u.Port())
	}
	t.Host = u.Host
	if u.Port() == "" {
		t.Host = strings.TrimSuffix(u.Host, ":") + ":" + port
	}
	path := strings.Trim(u.Path, "/")
	if database, view, has := strings.Cut(path, "."); has {
		path, t.View = database, view
	}
	t.Database = path
	switch {
	case path == "":
		return t, fmt.Errorf("%q names no database\nhint: write it behind the host, such as clickhouse://host/beacons", text)
	case !name.MatchString(t.Database) || !name.MatchString(t.View):
		return t, fmt.Errorf("%q: the names of the database and the view have letters, digits and _, and do not begin with a digit", text)
	}
	return t, nil
}

// table returns the quoted name of a table: that of the view with a suffix such as "_raw".
func (t *Target) table(suffix string) string { return ident(t.Database) + "." + ident(t.View+suffix) }

// ident quotes a name.
func ident(name string) string { return "`" + escape(name, '`') + "`" }

// literal quotes a string.
func literal(s string) string { return "'" + escape(s, '\'') + "'" }

func escape(s string, quote byte) string {
	return strings.NewReplacer(`\`, `\\`, string(quote), `\`+string(quote)).Replace(s)
}
