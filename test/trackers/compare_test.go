package trackers

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A request is what has to be the same in a request and its row.
type request struct{ method, target, contentType, body string }

func (r request) String() string {
	return fmt.Sprintf("%s %.200s %s %.200q (%d bytes)", r.method, r.target, r.contentType, r.body, len(r.body))
}

// A row is a request as the table has it, and what was decoded of it.
type row struct {
	request
	data string // JSON, or "" for NULL
	err  string
}

// A kind is the requests of a sender to one path with one type.
type kind struct {
	name   string // method, path and type
	count  int
	fields string // of one row's data
}

// compare compares requests with the table: none is missing, none is there twice, and each is decoded. It returns the
// kinds of requests.
func compare(t *testing.T, c *collector, s sender, requests []request) []kind {
	t.Helper()
	c.awaitRows(len(requests)) // the last beacon may be on its way
	sent, kept := map[request]int{}, map[request]int{}
	for _, r := range requests {
		sent[r]++
	}
	kinds := map[string]kind{}
	unread := 0
	for _, r := range c.rows(t) {
		kept[r.request]++
		name := nameOfKind(r.request)
		k := kinds[name]
		k.name, k.count = name, k.count+1
		k.fields = cmp.Or(k.fields, fields(r))
		kinds[name] = k
		switch {
		case r.err == "" && r.data != "":
		case r.err != "" && s.unread != "" && strings.Contains(r.err, s.unread):
			unread++
		default:
			t.Errorf("%v: data %.100q, error %q", r.request, r.data, r.err)
		}
	}
	if s.unread != "" && unread == 0 {
		t.Errorf("no row has an error with %q: the sender's entry no longer says what it sends", s.unread)
	}
	for r, times := range sent {
		if kept[r] != times {
			t.Errorf("sent %d times, in the table %d times: %v", times, kept[r], r)
		}
	}
	for r, times := range kept {
		if sent[r] == 0 {
			t.Errorf("never sent, in the table %d times: %v", times, r)
		}
	}
	sorted := slices.SortedFunc(maps.Values(kinds), func(a, b kind) int { return strings.Compare(a.name, b.name) })
	for _, k := range sorted {
		t.Logf("%d × %s: %s", k.count, k.name, k.fields)
	}
	return sorted
}

// rows returns the table's rows.
func (c *collector) rows(t *testing.T) (rows []row) {
	t.Helper()
	for _, v := range c.query(`select if(kind = 'pixel', 'GET', 'POST'), stream || coalesce('?' || query, ''),
		coalesce(content_type, ''), hex(body), coalesce(data::varchar, ''),
		coalesce(error, '') from beacons order by id`) {
		body, err := hex.DecodeString(v[3])
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row{request{v[0], v[1], v[2], string(body)}, v[4], v[5]})
	}
	return rows
}

// nameOfKind returns a request's method, its path without what differs from request to request, and the essence of
// its type.
func nameOfKind(r request) string {
	path, query, _ := strings.Cut(r.target, "?")
	if query != "" {
		path += "?…"
	}
	essence, _, _ := strings.Cut(r.contentType, ";")
	return strings.TrimSpace(r.method + " " + path + " " + strings.TrimSpace(essence))
}

// fields names the first fields of a row's data, or of its first member. Without data it returns the error.
func fields(r row) string {
	if r.data == "" {
		return r.err
	}
	text, prefix := json.RawMessage(r.data), ""
	var members []json.RawMessage
	if json.Unmarshal(text, &members) == nil && len(members) > 0 {
		text, prefix = members[0], "array of "
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if token, _ := d.Token(); token != json.Delim('{') {
		return fmt.Sprintf("%s`%.40s`", prefix, text)
	}
	const most = 5
	var names []string
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return err.Error()
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprintf("`%s`", name))
	}
	return prefix + strings.Join(names, ", ")
}
