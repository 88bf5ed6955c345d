package clickhouse

import (
	"strings"
	"testing"
)

func TestParseURL_Forms(t *testing.T) {
	tests := []struct {
		text string
		want Target
		err  string // a part of it
	}{
		{text: "clickhouse://host/db", want: Target{Host: "host:8123", Database: "db", View: "beacons"}},
		{text: "clickhouses://ann@host/db.events", want: Target{Host: "host:8443", TLS: true, User: "ann", Database: "db", View: "events"}},
		{text: "ClickHouse://a%40b@[2001:db8::1]:80/db/", want: Target{Host: "[2001:db8::1]:80", User: "a@b", Database: "db", View: "beacons"}},
		{text: "clickhouse://[::1]/db", want: Target{Host: "[::1]:8123", Database: "db", View: "beacons"}},
		{text: "clickhouse://ann:secret@host/db", err: "has a password"},
		{text: "clickhouse://ann:secret@ho st/db", err: "can't be read"},
		{text: "clickhouse:///db", err: "names no host"},
		{text: "clickhouse://host", err: "names no database"},
		{text: "clickhouse://host/db.", err: "letters, digits"},
		{text: "clickhouse://host/d-b", err: "letters, digits"},
		{text: "clickhouse://host/db.a.b", err: "letters, digits"},
		{text: "clickhouse://host/db?a=b", err: "has a query"},
		{text: "clickhouse://host:9000/db", err: "native protocol"},
		{text: "https://host/db", err: "clickhouse://host/db"},
		{text: "host/db", err: "not the URL"},
	}
	for _, test := range tests {
		have, err := ParseURL(test.text)
		if test.err == "" && (err != nil || have != test.want) {
			t.Errorf("ParseURL(%q) is %+v, %v, want %+v", test.text, have, err, test.want)
		}
		if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("ParseURL(%q) returned %v, want an error with %q and without the password", test.text, err, test.err)
		}
	}
}
