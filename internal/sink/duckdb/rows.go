//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package duckdb

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Rows is the result of a query. It is for one goroutine.
type Rows struct {
	conn    *sql.Conn
	rows    *sql.Rows
	columns []string
	read    []func(any) any // from what the driver has to what Scan returns; nil changes nothing
	end     func()
	why     func(error) error
}

// Columns returns the names, which are made different where they are the same.
func (r *Rows) Columns() []string { return r.columns }

// Next says whether there is another row, for Scan. When there is none, Err says why.
func (r *Rows) Next() bool { return r.rows.Next() }

// Scan returns the row that Next came to, a value for each column, each of which
// json.Marshal takes:
//
//	NULL                                   nil
//	BOOLEAN                                bool
//	integers                               int8 to int64, uint8 to uint64
//	HUGEINT, UHUGEINT, BIGNUM, DECIMAL     json.Number, with all digits
//	FLOAT, DOUBLE                          float32, float64, or "NaN", "Infinity", "-Infinity"
//	JSON                                   json.RawMessage, as it was sent
//	BLOB                                   Blob
//	TIMESTAMP, with time zone or without   string as in RFC 3339, in UTC
//	LIST, STRUCT, MAP, UNION, VARIANT      json.RawMessage; numbers in JSON in them, and
//	                                       DECIMALs, are doubles there
//	anything else (VARCHAR, UUID, DATE, …) string, as the engine writes it
func (r *Rows) Scan() ([]any, error) {
	values, into := make([]any, len(r.columns)), make([]any, len(r.columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := r.rows.Scan(into...); err != nil {
		return nil, fmt.Errorf("read row: %w", err)
	}
	for i, read := range r.read {
		if read != nil && values[i] != nil {
			values[i] = read(values[i])
		}
	}
	return values, nil
}

// Err returns the error that ended the rows, if one did: that of the query's context,
// for example.
func (r *Rows) Err() error {
	if err := r.rows.Err(); err != nil {
		return fmt.Errorf("read rows: %w", r.why(err))
	}
	return nil
}

// Close ends the query and its transaction.
func (r *Rows) Close() error {
	err := r.rows.Close()
	discard(r.conn)
	r.end()
	return err
}

// A Blob is bytes. In JSON it is a string where it is UTF-8, as most bodies are, and
// else an object {"base64": "…"}, which no string can be taken for.
type Blob []byte

func (b Blob) MarshalJSON() ([]byte, error) {
	if utf8.Valid(b) {
		return json.Marshal(string(b))
	}
	return json.Marshal(struct {
		Base64 []byte `json:"base64"`
	}{b})
}

// reading is how a column of the type is selected (%s is its name) and then read. The
// driver would make Go maps of JSON, which loses digits and order, and fails for some
// of the types.
func reading(typ string) (expr string, read func(any) any) {
	base, _, _ := strings.Cut(typ, "(")
	switch {
	case base == "ENUM":
	case strings.HasSuffix(typ, "]"), base == "STRUCT", base == "MAP", base == "UNION", base == "VARIANT":
		return "cast(to_json(%s) as varchar)", func(v any) any { return rawJSON(quoteNonFinite(v.(string))) }
	case base == "DECIMAL", typ == "HUGEINT", typ == "UHUGEINT", typ == "BIGNUM":
		return "cast(%s as varchar)", func(v any) any { return json.Number(v.(string)) }
	case strings.HasPrefix(typ, "TIMESTAMP"):
		return "cast(%s as varchar)", func(v any) any { return timestamp(v.(string)) }
	}
	switch typ {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "VARCHAR":
		return "%s", nil
	case "FLOAT", "DOUBLE":
		return "%s", finite
	case "BLOB":
		return "%s", func(v any) any { return Blob(v.([]byte)) }
	case "JSON":
		return "cast(%s as varchar)", func(v any) any { return rawJSON([]byte(v.(string))) }
	}
	return "cast(%s as varchar)", nil
}

// rawJSON returns b as a string if it isn't JSON after all.
func rawJSON(b []byte) any {
	if !json.Valid(b) {
		return string(b)
	}
	return json.RawMessage(b)
}

func finite(v any) any {
	f, ok := v.(float64)
	if !ok {
		f = float64(v.(float32))
	}
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return v
}

// timestamp turns "2026-11-22 06:20:11.5+00" into RFC 3339. What that can't say, such
// as infinity, stays as the engine has it.
func timestamp(s string) string {
	if len(s) < len("2026-11-22 06:20:11") || s[4] != '-' || s[10] != ' ' || strings.Contains(s, "BC") {
		return s
	}
	return s[:10] + "T" + strings.TrimSuffix(s[11:], "+00") + "Z"
}

// quoteNonFinite makes strings of the NaN, Infinity and -Infinity that to_json leaves
// bare.
func quoteNonFinite(s string) []byte {
	if json.Valid([]byte(s)) {
		return []byte(s)
	}
	var b bytes.Buffer
	for i := 0; i < len(s); {
		n := 1
		switch s[i] {
		case '"':
			for i+n < len(s) && s[i+n] != '"' {
				if s[i+n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(s)-i)
			b.WriteString(s[i : i+n])
		case 'N', 'I', '-':
			n = bareword(s[i:])
			if n > 1 {
				b.WriteString(`"` + s[i:i+n] + `"`)
				break
			}
			n = 1
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
		}
		i += n
	}
	return b.Bytes()
}

func bareword(s string) int {
	for _, w := range [...]string{"NaN", "Infinity", "-Infinity", "-NaN"} {
		if strings.HasPrefix(s, w) {
			return len(w)
		}
	}
	return 0
}
