package table

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
)

var ownNames = []string{"id", "received_at", "data", "bot"}

func TestParseColumn_Valid_ReturnsColumn(t *testing.T) {
	for text, want := range map[string]Column{
		"value:double":                {"value", "double", "$.value", ""},
		"n:BIGINT":                    {"n", "bigint", "$.n", ""},
		"Lcp:double=$.metrics.lcp":    {"Lcp", "double", "$.metrics.lcp", ""},
		"yes:boolean=/flags/yes":      {"yes", "boolean", "/flags/yes", ""},
		`odd:varchar=$."a=b:c"`:       {"odd", "varchar", `$."a=b:c"`, ""},
		"whole:varchar=$":             {"whole", "varchar", "$", ""},
		"plan:varchar=$.plans[#-1].x": {"plan", "varchar", "$.plans[#-1].x", ""},
	} {
		got, err := ParseColumn(text, ownNames)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
		if err := CheckColumns([]Column{got}); err != nil {
			t.Errorf("%q: got %v, want no error", text, err)
		}
	}
}

func TestParseColumn_Invalid_ReturnsErrColumnWithHint(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "value:double",
		"value":                             "value:double",
		"value=$.x":                         "value:double",
		":double":                           "letters",
		"1st:double":                        "letters",
		"a b:double":                        "letters",
		"größe:double":                      "letters",
		`a":double`:                         "letters",
		strings.Repeat("a", 64) + ":double": "63",
		"ID:varchar":                        "data_ID:varchar=$.ID",
		"bot:boolean":                       "data_bot:",
		"rowid:bigint":                      "data_rowid:",
		"value:":                            "write double, bigint",
		"value:float":                       "write double, bigint",
		"value:double=":                     "$ or /",
		"value:double=metrics.value":        "value:double=$.metrics.value",
	} {
		if c, err := ParseColumn(text, ownNames); !errors.Is(err, ErrColumn) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %+v, %v, want an error with %q", text, c, err, want)
		}
	}
}

func TestCheckColumns_Unusable_ReturnsErrColumnWithHint(t *testing.T) {
	for texts, want := range map[string]string{
		"a:double A:bigint": "twice",
		"b:double=$.a[":     "$.metrics.lcp",
		"b:double=$.":       "$.metrics.lcp",
		"b:double=$.a[#]":   "$.metrics.lcp",
		"b:double=$x":       "$.metrics.lcp",
		"b:double=$.\xff":   "$.metrics.lcp",
		"b:double=/a~2":     "~0 for ~",
		"b:double=/a~":      "~0 for ~",
		"b:varchar=$.a[*]":  "many fields",
		"b:varchar=$..a":    "many fields",
		"b:varchar=$.*":     "many fields",
		`b:varchar=$."*"`:   "many fields",
	} {
		var columns []Column
		for _, text := range strings.Fields(texts) {
			c, err := ParseColumn(text, ownNames)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			columns = append(columns, c)
		}
		if err := CheckColumns(columns); !errors.Is(err, ErrColumn) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", texts, err, want)
		}
	}
}

func TestColumn_PathWithQuote_StaysInLiteral(t *testing.T) {
	const want = `try(json_extract_string(data, '/x''); drop table beacons; --'))`
	if got := (Column{"x", "varchar", "/x'); drop table beacons; --", ""}).SQL("stream", "data"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func compiled(t testing.TB, typ, path string) getter {
	t.Helper()
	g, err := Column{"x", typ, path, ""}.compile()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// The test that compares values with the engine's needs cgo, and this one does not.
func TestGetter_ValuesByType(t *testing.T) {
	null := parquet.Value{}
	text := func(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }
	for _, c := range []struct {
		typ, path, data string
		want            parquet.Value
	}{
		{"double", "$.a", `{"a":1.5}`, parquet.DoubleValue(1.5)},
		{"double", "$.a", `{"a":" 1e5 "}`, parquet.DoubleValue(1e5)},
		{"double", "$.a", `{"a":1e400}`, null},
		{"double", "$.a", `{"a":"nan"}`, null},
		{"double", "$.a", `{"a":"1_000"}`, null},
		{"bigint", "$.a", `{"a":9007199254740993}`, parquet.Int64Value(9007199254740993)},
		{"bigint", "$.a", `{"a":"-2.5"}`, parquet.Int64Value(-3)},
		{"bigint", "$.a", `{"a":1.0e30}`, null},
		{"bigint", "$.a", `{"a":"0x10"}`, null},
		{"boolean", "$.a", `{"a":true}`, parquet.BooleanValue(true)},
		{"boolean", "$.a", `{"a":"No"}`, parquet.BooleanValue(false)},
		{"boolean", "$.a", `{"a":2}`, null},
		{"varchar", "$.a", `{"a":"it\u0027s"}`, text("it's")},
		{"varchar", "$.a", `{"a":""}`, text("")},
		{"varchar", "$.a", `{"a":{ "b" : [1.50, 1e5] }}`, text(`{"b":[1.5,100000.0]}`)},
		{"varchar", "$.a", `{"a":null}`, null},
		{"varchar", "$.a", `{"a":1,"a":2}`, text("1")},
		{"varchar", "$.a[#-1]", `{"a":[1,2]}`, text("2")},
		{"varchar", "/a/1", `{"a":[1,2]}`, text("2")},
		{"varchar", "$", ``, null},
	} {
		got := compiled(t, c.typ, c.path).value(nil, []byte(c.data))
		if got.Kind() != c.want.Kind() || !parquet.Equal(got, c.want) {
			t.Errorf("%s %s of %s: got %+v, want %+v", c.typ, c.path, c.data, got, c.want)
		}
	}
}

func FuzzGetter_AnyBytes_ReturnsValidValue(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":"\u00e9"}]}`, `{"a`, `{"a":"\`, `{"a":"\ud800`, `{"a":"\ud83d\u`, `[[[`, `{]`, `{"a"}`, `{"a":}`, `{"a":"`, `-`, `{"a":[}`, `{"a":-}`, `{"a":"\u12"}`} {
		f.Add([]byte(s))
	}
	var getters []getter
	for _, p := range []string{"$", "$.a", "$.a[0]", "$.a[#-1]", "/a/1/b"} {
		for _, typ := range columnTypes {
			getters = append(getters, compiled(f, typ, p))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, g := range getters {
			v := g.value(nil, data)
			if v.Kind() == parquet.ByteArray && json.Valid(data) && utf8.Valid(data) && !utf8.Valid(v.ByteArray()) {
				t.Errorf("%q: got %q, want UTF-8", data, v.ByteArray())
			}
		}
	})
}

// vital is a web vital as a page sends it, of about 300 bytes.
const vital = `{"name":"LCP","value":2412.5,"rating":"good","delta":2412.5,"id":"v4-1769000000000-1234567890123","navigationType":"navigate",` +
	`"path":"/shop/checkout","view":"0198c1f2a3b4","n":3,"metrics":{"lcp":2412.5,"cls":0.013,"inp":88},"connection":"4g","width":1440,"height":900,"title":"Checkout – Example"}`

func BenchmarkGetter(b *testing.B) {
	for _, c := range []struct {
		name    string
		columns []Column
	}{
		{"two_numbers", []Column{{"value", "double", "$.value", ""}, {"lcp", "double", "$.metrics.lcp", ""}}},
		{"bigint_and_text", []Column{{"n", "bigint", "$.n", ""}, {"name", "varchar", "$.name", ""}}},
		{"missing", []Column{{"x", "double", "$.missing", ""}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var getters []getter
			for _, column := range c.columns {
				getters = append(getters, compiled(b, column.Type, column.Path))
			}
			data := []byte(vital)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				for _, g := range getters {
					g.value(nil, data)
				}
			}
		})
	}
}

func TestGetter_Numbers_DoNotAllocate(t *testing.T) {
	data := []byte(vital)
	for _, g := range []getter{compiled(t, "double", "$.metrics.lcp"), compiled(t, "bigint", "$.value"), compiled(t, "bigint", "$.n"), compiled(t, "varchar", "$.title")} {
		if n := testing.AllocsPerRun(100, func() { g.value(nil, data) }); n != 0 {
			t.Errorf("got %v allocations, want 0", n)
		}
	}
}
