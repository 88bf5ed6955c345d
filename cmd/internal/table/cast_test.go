//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package table

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/parquet-go/parquet-go"
)

// numbers are texts of numbers and of almost numbers. Each is tried as a JSON string, and as a
// JSON number where it is one.
var numbers = []string{
	"0", "-0", "1", "-1", "10", "100", "42", "01", "007", "-01", "00", "1.0", "-1.0", "0.0", "-0.0", "1.5", "-1.5", "2.5", "-2.5",
	"0.5", "-0.5", "0.4", "-0.4", "0.49999", "0.4999999999999999999999", "0.99999999999999999999", "1.", ".5", "-.5", ".", "-", "+", "", "+1", "+-1",
	"-+1", "++1", "--1", "1e5", "1E5", "1e+5", "1e-5", "1E+2", "1e-7", "1.5e-7", "5e-7", "1e-6", "0.000001234", "1e20", "1e21", "-1e21", "1.5e22", "1e22",
	"1e15", "1e16", "1e17", "1e18", "1e19", "9.3e18", "1.5e1", "1.25e1", "1.255e2", "1.05e1", "1.005e1", "15e-1", "15e-2", "149e-2", "15.5e-1", "-15e-1", "-5e-1",
	"1.e2", ".5e1", ".e5", "e5", "1e", "1e+", "1e5.", "1e3.5", "0e0", "-0e0", "0e99", "0.0e5", "-0.0e5", "0e-99", "1e400", "-1e400", "1e-400", "-1e-400",
	"1e32767", "1e32768", "0e32768", "1e-32768", "1e-32769", "1e99999999999999999999", "0e99999999999999999999", "1e-99999999999999999999",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "9223372036854775807.4", "9223372036854775807.5",
	"9223372036854775806.5", "-9223372036854775808.5", "9.223372036854775807e18", "9223372036854775807e0", "9223372036854775807.5e0", "922337203685477580.75e1",
	"-9.223372036854775808e18", "18446744073709551615", "18446744073709551616", "123456789012345678901234567890", "12345678901234567890",
	"123456789012345678901234567890e-20", "1234567890123456789.5", "9007199254740993", "9007199254740992.99999999999999999999999999", "0.1", "0.30000000000000004",
	"1.7976931348623157e308", "1.7976931348623159e308", "4.9e-324", "2e-324", "5e-324", "2.2250738585072014e-308", "123456789.125e10",
	"1.00000000000000000000000005e26", "1.8999999999999999999e0", "1.8999999999999999999e1", "1.9999999999999999999e-1", "0.000000000000000000001e21",
	"1.123456789012345678e18", "1.1234567890123456789e2", "0.9223372036854775808e5", "-1.8999999999999999999e0", "1.89999999999999999999999e3",
	" 1", "1 ", " 1 ", "\t1\n\v\f\r", "\u00a01", "1 2", "- 1", "+ 1", "- ", "1e 3", "1e3 ", "1e- ", "1 e5", "1.5 e3", "\x001", "1\x00", "１",
	"1_000", "1__0", "1_", "_1", "1e1_0", "1_0.5_0", "1._5", "1_.5", "0.12345678_9", "1_2_3_4_5_6_7_8_9_0_1e5", "1.5_5",
	"0x10", "0X1f", "-0x1", "0b11", "0B1", "0x", "0b", "0x1p4", "0o7", "1f", "1d", "1,5", "1'000", "$1", "1%", "1n",
	"inf", "-inf", "+inf", "Infinity", "-infinity", "infinit", "nan", "NaN", "-nan", "nan(1)", strings.Repeat("9", 308), strings.Repeat("9", 309),
	strings.Repeat("9", 400), "0." + strings.Repeat("0", 400) + "1", "0." + strings.Repeat("1", 800), strings.Repeat("0", 40) + "7", "1e" + strings.Repeat("0", 40) + "2",
}

var words = []string{
	"2026-11-30T12:00:00Z", "2026-11-30 12:00:00.123456789+01:30", "2026-11-30T12:00:00.9999999Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-02-29T12:00:00Z", "2024-02-29T12:00:00-14:00",
	"2026-11-30T24:00:00Z", "2026-11-30T23:59:60Z", "2026-11-30T12:00:00", "2026-11-30", "2026-11-30T12:00:00+15:00", "2026-11-30T12:00Z", "2026-11-30T12:00:00z", " 2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z\n", "2026-13-01T00:00:00Z",
	"1764504000", "1764504000.123456", "1764504000123", "1764504000123456", "99999999999", "1e11", "1e14", "1e17", "-1764504000", "-62135596800", "0.0000005", "1.5e-6",
	"true", "TRUE", "True", "tRuE", "t", "T", "f", "F", "false", "False", "yes", "YES", "no", "No", "y", "n", "Y", "N", "2", " true", "true ", "on", "off",
	"truee", "tru", "ye", "null", "NULL", "none", "İ", "ſ", "K", "falſe", "trüe", "yeß", "a b", "it's", `a"b\c/d`, "\u0001\u001f\u007f", "\b\f\n\r\t",
	"é", "漢字", "😀", "\u2028", "\ufeff", "\uffff", "\ufffd", "<a&b>", "{}", "[1]", `{"a":1}`, strings.Repeat("long ", 50),
}

// values are JSON values as a client writes them.
var values = append([]string{
	"null", "true", "false", "{}", "[]", "[ ]", "{ }", `[ 1 , 2.50 , 1E5 ]`, `{ "b" : [ 1.0 , -0 , "\u0041\/\u00e9\u001f\u007f\u2028\b\f\n\r\t\\\"" , null , true , {} , [ ] ] }`,
	`{"k":1,"k":2}`, `{"\u006b":"\u000a"}`, `[[[[1e400,18446744073709551616,-0.0]]]]`, `"\u0031\u0032"`, `"\ud83d\ude00"`, `"\uD83D\uDE00"`, `"\u0000"`, `"\/"`, `"\\ud800"`,
	`"\u0074\u0072\u0075\u0065"`, `"\u00201"`, "[1,\n\t{\"a\":\r\n[]}]",
}, written()...)

func written() (all []string) {
	for _, s := range slices.Concat(numbers, words) {
		quoted, _ := json.Marshal(s)
		if all = append(all, string(quoted)); json.Valid([]byte(s)) && s != "" {
			all = append(all, s)
		}
	}
	return all
}

var texts = append([]string{
	`{"a":1,"a":2}`, `{"a":null,"a":2}`, `{"\u0061":3}`, `{"\u0061":3,"a":4}`, `{"A":1}`, ` { "a" : 1 } `, "\t{\r\n\"b\":2,\n\"a\":1\r}\n", `[1]`, `[[0,1],{"a":5}]`, `"a"`, `7`, `null`,
	`{"":1,"a":{"":2}}`, `{"a b":1,"a.b":2,"a[0]":3,"a\"b":4,"a\\b":5,"a/b":6,"a~b":7,"*":8,"é":9,"'":10,"a\u0020b":11}`, `{"a":{"b":{"c":[10,[20,21],{"d":30}]}}}`,
	`{"a":[]}`, `{"a":[1]}`, `{"a":[1,2]}`, `{"a":[1,2,3,4,5,6,7,8,9,10,11,12]}`, `{"a":{"0":"x","1":"y","-":"z","01":"w"}}`, `{"a":[[],[[]],[{}],"]"]}`,
	`{"b":"}","c":"\"","d":"\\","e":"\\\"","a":"{\"a\":1}"}`, `{"x":[1,"a",{"a":9}],"a":3}`, `{"b":{"a":1}}`, `{"aa":1,"b":"a","a":2}`, `{"b":1e5,"c":-1,"d":true,"e":false,"f":null,"a":6}`,
	`{"a":1,"b":"\uD83D\uDE00"}`, `{"a":"\\\\","b":{}}`, `[]`, `{}`, `""`,
	strings.Repeat(`{"a":`, 99) + "1" + strings.Repeat("}", 99), strings.Repeat("[", 100) + strings.Repeat("]", 100),
}, inObjects()...)

func inObjects() (all []string) {
	for i, v := range values {
		switch i % 3 {
		case 0:
			all = append(all, fmt.Sprintf(`{"a":%s}`, v))
		case 1:
			all = append(all, fmt.Sprintf(`{"x":"y", "a": %s , "a":0}`, v))
		default:
			all = append(all, fmt.Sprintf(`{"a": [ %s,[%[1]s] , {"b":%[1]s}]}`, v))
		}
	}
	return append(all, values...)
}

var agreedPaths = []string{
	"$", "$.a", `$."a"`, "$.a[0]", "$.a[1]", "$.a[10]", "$.a[#-1]", "$.a[-1]", "$.a[#-2]", "$.a[-0]", "$.a[#-0]", "$.a[1][0]", "$.a[2].b", "$[0]", "$[1].a", "$[0][1]", "$.a.b.c[1][1]", "$.a.b.c[2].d",
	`$."a b"`, `$.a b`, `$."a.b"`, `$."a[0]"`, `$."a\"b"`, `$.a"b`, `$."a\\b"`, `$.a\b`, `$."a\b"`, "$.a/b", "$.a~b", "$.é", "$.'", "$.a.0",
	"/a", "/a/0", "/a/1", "/a/01", "/a/-", "/a/1/0", "/a/2/b", "/", "/a/", "/0", "/0/1", "/a b", "/a.b", "/a~1b", "/a~0b", "/*", "/a\\b", `/a"b`, "/é", "/a/b/c/2/d", "/A",
}

func engine(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("set threads = 1; create table texts (n integer, data varchar)"); err != nil {
		t.Fatal(err)
	}
	return db
}

// fill puts the texts into the engine.
func fill(t testing.TB, db *sql.DB, texts []string) {
	t.Helper()
	if _, err := db.Exec("delete from texts"); err != nil {
		t.Fatal(err)
	}
	all, _ := json.Marshal(texts)
	const insert = "insert into texts select unnest(range(len(l))), unnest(l) from (select ?::json::varchar[] as l)"
	if _, err := db.Exec(insert, string(all)); err != nil {
		t.Fatal(err)
	}
}

// agree compares the getter's values with the engine's, for the texts that fill put there.
func agree(t testing.TB, db *sql.DB, texts []string, c Column) {
	t.Helper()
	g, err := c.compile()
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	rows, err := db.Query("select data, " + c.SQL("'/s'", "data") + " from texts order by n")
	if err != nil {
		t.Fatalf("%+v: %v", c, err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var data string
		var v any
		if err := rows.Scan(&data, &v); err != nil {
			t.Fatal(err)
		}
		if data != texts[n] {
			t.Fatalf("text %d is %q in the engine, want %q", n, data, texts[n])
		}
		got, want := g.value(nil, []byte(data)), "NULL"
		if v != nil {
			want = fmt.Sprintf("%T %[1]v", v)
			switch v := v.(type) {
			case float64:
				want += fmt.Sprintf(" %x", math.Float64bits(v))
			case time.Time:
				want = fmt.Sprintf("int64 %d", v.UnixMicro())
			}
		}
		if show(got) != want {
			t.Errorf("%s %s of %.200q: got %q, want %q as the engine has it", c.Type, c.Path, data, show(got), want)
		}
	}
	if err := rows.Err(); err != nil {
		t.Errorf("%+v: %v", c, err)
	} else if n != len(texts) {
		t.Errorf("%+v: the engine has %d texts, want %d", c, n, len(texts))
	}
}

func show(v parquet.Value) string {
	switch v.Kind() {
	case parquet.Double:
		return fmt.Sprintf("float64 %v %x", v.Double(), math.Float64bits(v.Double()))
	case parquet.Int64:
		return fmt.Sprintf("int64 %d", v.Int64())
	case parquet.Boolean:
		return fmt.Sprintf("bool %v", v.Boolean())
	case parquet.ByteArray:
		return "string " + string(v.ByteArray())
	}
	return "NULL"
}

func TestGetter_AnyTextPathAndType_AgreesWithEngine(t *testing.T) {
	db := engine(t)
	fill(t, db, texts)
	for _, p := range agreedPaths {
		for _, typ := range columnTypes {
			agree(t, db, texts, Column{"x", typ, p, ""})
		}
	}
	t.Logf("%d texts, %d paths, %d types", len(texts), len(agreedPaths), len(columnTypes))
}

func TestGetter_RandomNumbers_AgreeWithEngine(t *testing.T) {
	db := engine(t)
	random := rand.New(rand.NewPCG(1, 2))
	var texts []string
	for range 20_000 {
		n := randomNumber(random)
		if random.IntN(3) == 0 || !json.Valid([]byte(n)) {
			n = `"` + n + `"`
		}
		texts = append(texts, n)
	}
	fill(t, db, texts)
	for _, typ := range columnTypes {
		agree(t, db, texts, Column{"x", typ, "$", ""})
	}
}

// randomNumber returns a number that any double can be, or digits at random.
func randomNumber(random *rand.Rand) string {
	if f := math.Float64frombits(random.Uint64()); random.IntN(2) == 0 && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return strconv.FormatFloat(f, "efg"[random.IntN(3)], random.IntN(25)-1, 64)
	}
	digits := func(most int) string {
		b := make([]byte, random.IntN(most))
		for i := range b {
			b[i] = "0123456789999999"[random.IntN(16)]
		}
		return string(b)
	}
	s := []string{"", "", "-", "+"}[random.IntN(4)] + digits(22)
	if random.IntN(2) == 0 {
		s += "." + digits(24)
	}
	if random.IntN(2) == 0 {
		s += "e" + []string{"", "-", "+"}[random.IntN(3)] + strconv.Itoa(random.IntN(40))
	}
	return s
}

func TestParsePath_RefusedByEngine_ReturnsError(t *testing.T) {
	db := engine(t)
	for _, p := range []string{"$.", "$.a.", "$.a[", "$.a[]", "$.a[x]", "$.a[1", "$.a[1.5]", "$a", "$ ", `$.""`, `$."a`, `$."a"b`, "$.a[#x]", "$.a[#", "a", ".a", ""} {
		if _, err := parsePath(p); err == nil {
			t.Errorf("%q: got a path, want an error", p)
		}
	}
	for _, p := range agreedPaths {
		var typ string
		if err := db.QueryRow("select typeof(json_extract_string('{}', " + literal(p) + "))").Scan(&typ); err != nil || typ != "VARCHAR" {
			t.Errorf("%q: the engine has %s, %v", p, typ, err)
		}
	}
}

func FuzzGetter_AnyJSON_AgreesWithEngine(f *testing.F) {
	for i, text := range texts {
		f.Add(text, agreedPaths[i%len(agreedPaths)])
	}
	db := engine(f)
	f.Fuzz(func(t *testing.T, text, p string) {
		if len(text) > 10_000 || !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			t.Skip()
		}
		if _, err := parsePath(p); err != nil {
			t.Skip()
		}
		fill(t, db, []string{text})
		for _, typ := range columnTypes {
			agree(t, db, []string{text}, Column{"x", typ, p, ""})
		}
	})
}
