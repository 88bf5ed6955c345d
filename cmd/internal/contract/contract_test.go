package contract

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d051cf5a/beacon/collect/row"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheck_EachRow_HasTheReason(t *testing.T) {
	file := write(t, "order.json", `{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"at":{"type":"string","format":"date-time"},"lines":{"type":"array","items":{"type":"object","required":["sku"]}}}}`)
	c, err := Parse([]string{"/orders/*=" + file, "/*=" + write(t, "any.json", "true")})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct{ stream, data, before, want string }{
		{"/orders/1", `{"id":1,"at":"2026-11-30T12:00:00Z","lines":[{"sku":"a"}]}`, "", ""},
		{"/orders/1", `{}`, "", "does not match order.json at /: missing property 'id'"},
		{"/orders/1", `{"id":"1"}`, "", "does not match order.json at /id: got string, want integer"},
		{"/orders/1", `{"id":1,"at":"yesterday"}`, "", "does not match order.json at /at: 'yesterday' is not valid date-time"},
		{"/orders/1", `{"id":1,"lines":[{"sku":1},{}]}`, "", "does not match order.json at /lines/1: missing property 'sku'"},
		{"/orders/1", `{"id":12345678901234567890}`, "", ""},
		{"/orders/1", `{"id":1.5}`, "a note", "a note; does not match order.json at /id: got number, want integer"},
		{"/orders/1", `{"id":1e1000001}`, "", "can't be checked against order.json: json: cannot unmarshal number 1e1000001"},
		{"/orders/1", `{"id":1,"lines":[{"sku":-1e-999999999999999999999}]}`, "", ""},
		{"/orders/1", `{"id":1e2}`, "", ""},
		{"/orders/1", "", "the JSON is broken", "the JSON is broken"},
		{"/other", `{}`, "", ""},
	} {
		r := row.Row{Stream: x.stream, Data: []byte(x.data), Error: x.before}
		if x.data == "" {
			r.Data = nil
		}
		if c.Check(&r); !strings.HasPrefix(r.Error, x.want) || (x.want == "") != (r.Error == "") {
			t.Errorf("%s %s: got %q, want %q", x.stream, x.data, r.Error, x.want)
		}
	}
}

func TestParse_Wrong_SaysWhy(t *testing.T) {
	for text, says := range map[string]string{
		"/x": "write STREAM=FILE", "/x=": "write STREAM=FILE", "x=a": "such as /events", "/x=/no/such/file": "no such file",
		"/x=" + write(t, "a.json", "{"):                                       "can't be used as a JSON Schema",
		"/x=" + write(t, "b.json", `{"type":"nonsense"}`):                     "can't be used as a JSON Schema",
		"/x=" + write(t, "c.json", `{"$ref":"http://a.example/schema.json"}`): "can't be used as a JSON Schema",
	} {
		if _, err := Parse([]string{text}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", text, err, says)
		}
	}
}
