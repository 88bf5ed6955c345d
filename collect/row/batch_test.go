package row

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

func TestRows_Batch_IsARowForEachMember(t *testing.T) {
	for _, c := range []struct {
		name, contentType, body string
		want                    []string // kind, body, data, error
	}{
		{"an array", "application/json", ` [ {"a": 1}, 2 ]`, []string{`json {"a": 1} {"a": 1} `, "json 2 2 "}},
		{"an array in text", "text/plain", "[[1],[2]]", []string{"json [1] [1] ", "json [2] [2] "}},
		{"an array without a label", "", "[1]", []string{"json 1 1 "}},
		{"an array in gzip", "text/plain", gzipped("[1,2]"), []string{"json 1 1 ", "json 2 2 "}},
		{"lines", "application/x-ndjson", "1\r\n\n2", []string{"json 1 1 ", "json 2 2 "}},
		{"lines in text", "text/plain", "{\"a\":1}\n{}\n", []string{`json {"a":1} {"a":1} `, "json {} {} "}},
		{"lines labelled JSON", "application/json", "{}\n[]", []string{"json {} {} ", "json [] [] "}},
		{"lines of which one is broken", "application/x-ndjson", "1\n{\n3", []string{"json 1 1 ", "json {  member 2 of the batch: the JSON is broken near byte 1: unexpected end of JSON input", "json 3 3 "}},
		{"reports", "application/reports+json", `[{"type":"csp-violation"},{"type":"network-error"}]`, []string{`report {"type":"csp-violation"} {"type":"csp-violation"} `, `report {"type":"network-error"} {"type":"network-error"} `}},

		{"an object is one", "application/json", `{"a":[1,2]}`, []string{`json {"a":[1,2]} {"a":[1,2]} `}},
		{"an empty array is one", "application/json", "[]", []string{"json [] [] "}},
		{"no lines are one", "application/x-ndjson", "\n", []string{"json \n [] "}},
		{"a broken array is one", "application/json", "[1,", []string{"json [1,  the JSON is broken near byte 3: unexpected end of JSON input"}},
		{"prose is one", "text/plain", "a\nb", []string{`text a` + "\n" + `b "a\nb" `}},
		{"lines of forms", form, "a=1\nb=2", []string{`form a=1 {"a":"1"} `, `form b=2 {"b":"2"} `}},
		{"a form is one", form, "a=1&b=2", []string{`form a=1&b=2 {"a":"1","b":"2"} `}},
		{"an array in base64", "text/plain", "WzEsMiwzXQ==", []string{"json 1 1 ", "json 2 2 ", "json 3 3 "}},
		{"half a surrogate pair in one member", "application/json", `["\ud83d","b"]`, []string{`json "\ud83d" "\ufffd" member 1 of the batch: the JSON has half a surrogate pair at byte 1; data has U+FFFD there`, `json "b" "b" `}},
		{"half a surrogate pair in one member of text", "text/plain", `["\ud83d","b"]`, []string{`json "\ud83d" "\ufffd" member 1 of the batch: the JSON has half a surrogate pair at byte 1; data has U+FFFD there`, `json "b" "b" `}},
		{"bytes are one", "application/octet-stream", "\x00[1,2]", []string{"binary \x00[1,2]  a body of the type application/octet-stream is not decoded"}},
		{"an array in another charset", "application/json;charset=latin1", "[{\"a\":\"\xe9\"},{\"a\":\"x\"}]", []string{`json {"a":"é"} {"a":"é"} `, `json {"a":"x"} {"a":"x"} `}},
		{"an array in UTF-16", "application/json;charset=utf-16", "[\x001\x00,\x00\"\x00\xe9\x00\"\x00]\x00", []string{"json 1 1 ", `json "é" "é" `}},
		{"an array in UTF-16 by its mark", "text/plain", "\xff\xfe[\x001\x00,\x002\x00]\x00", []string{"json 1 1 ", "json 2 2 "}},
		{"lines in another charset", "application/x-ndjson;charset=latin1", "{\"a\":\"\xe9\"}\n{\"a\":\"x\"}", []string{`json {"a":"é"} {"a":"é"} `, `json {"a":"x"} {"a":"x"} `}},
		{"lines of forms in another charset", form + ";charset=windows-1252", "a=%80\nb=%E9", []string{"form a=%80 {\"a\":\"€\"} ", `form b=%E9 {"b":"é"} `}},
		{"lines of forms that aren't UTF-8", form, "a=1\nb=%FF", []string{`form a=1 {"a":"1"} `, "form b=%FF {\"b\":\"\uFFFD\"} member 2 of the batch: field b: the text is not UTF-8 at byte 0; data has U+FFFD there"}},
		{"a JSON text sequence without line breaks", "application/json-seq", "\x1e1\x1e2", []string{"json 1 1 ", "json 2 2 "}},
		{"of another charset, what is the same in all", "application/json;charset=latin1", "[1,2]", []string{"json 1 1 ", "json 2 2 "}},
	} {
		r := record(c.contentType, c.body)
		var whole []string
		for _, row := range Rows(r) {
			whole = append(whole, fmt.Sprintf("%s %s %s %s", row.Kind, row.Body, row.Data, row.Error))
		}
		if len(whole) != 1 || !strings.Contains(whole[0], c.body) {
			t.Errorf("%s, not marked as a batch: %q", c.name, whole)
		}
		r.Extra = warc.Fields{{Name: BatchField, Value: "yes"}}
		var got []string
		for _, row := range Rows(r) {
			got = append(got, fmt.Sprintf("%s %s %s %s", row.Kind, row.Body, row.Data, row.Error))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\ngot  %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestRows_Members_HaveOrderedStableIDs(t *testing.T) {
	marked := func(id string, n int) []Row {
		r := record("application/json", "["+strings.Repeat("0,", n-1)+"0]")
		r.ID = uuid.MustParse(id)
		r.Extra = warc.Fields{{Name: BatchField, Value: "yes"}}
		return Rows(r)
	}
	const id, sameTime = "0190a0b0-1234-7000-8000-000000000001", "0190a0b0-1234-7000-8000-000000000002"
	first, again, other := marked(id, maxMembers), marked(id, maxMembers), marked(sameTime, maxMembers)
	if len(first) != maxMembers {
		t.Fatalf("%d rows", len(first))
	}
	seen := map[uuid.UUID]bool{uuid.MustParse(id): true, uuid.MustParse(sameTime): true}
	for i := range first {
		a := first[i].ID
		if a != again[i].ID {
			t.Fatalf("member %d: %s, and then %s", i, a, again[i].ID)
		}
		if a.Version() != 8 || a.Variant() != uuid.RFC4122 || i > 0 && a.String() <= first[i-1].ID.String() {
			t.Fatalf("member %d: %s", i, a)
		}
		if seen[a] || seen[other[i].ID] {
			t.Fatalf("member %d: its id is another's", i)
		}
		seen[a], seen[other[i].ID] = true, true
	}
	if rows := marked(id, maxMembers+1); len(rows) != 1 || rows[0].ID.String() != id || rows[0].Data == nil || rows[0].Error != "the batch has more than 10000 members and is not divided" {
		t.Errorf("%d members: %d rows, error %q", maxMembers+1, len(rows), rows[0].Error)
	}
	r := record("application/json", "["+strings.Repeat("0,", maxMembers-1)+"0]")
	r.Extra = warc.Fields{{Name: BatchField, Value: "yes"}}
	r.Request.Target = "/x?" + strings.Repeat("q", 4<<10)
	if rows := Rows(r); len(rows) != 1 || !strings.HasSuffix(rows[0].Error, "too many for a request with 4114 bytes of query and headers, and is not divided") {
		t.Errorf("with a long query: %d rows, error %q", len(rows), rows[0].Error)
	}
}
