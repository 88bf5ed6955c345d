package row

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/seed-d051cf5a/beacon/internal/warc"
)

// BatchField is the field of a record whose beacon may be a batch. The collector sets it when it
// stores the beacon, so that every reader decodes the record into the same rows at any time.
const BatchField = "Beacon-Batch"

// ImportedField is the field of a record that an import added.
const ImportedField = "Beacon-Imported"

// AgainField is the field of a record that the table may have already, because the log has it twice or was read again.
const AgainField = "Beacon-Again"

// Limits of the rows of one beacon.
const (
	maxMembers = 10_000
	// maxCopied is the most bytes of the query and headers in all rows together: each row has them.
	maxCopied = 32 << 20
)

// Rows returns the rows of r, at least one. If r is marked as a batch and its body is a JSON array or
// lines of JSON (NDJSON), each member is a row, and the row's body is the bytes of the member, in UTF-8 if the body is JSON
// in another charset.
func Rows(r *warc.Record) []Row {
	row, from, packing := of(r)
	if r.Extra.Get(BatchField) == "" {
		return []Row{row}
	}
	members, err := membersOf(&row, from.text)
	if err != nil {
		row.Error = shortened(joined(err, packing))
	}
	if len(members) == 0 {
		return []Row{row}
	}
	var common *object
	if row.Kind == Form {
		if common, err = commonFields(queryOf(&r.Request)); err == nil && len(common.json())*len(members) > maxCopied {
			err = fmt.Errorf("the batch has %d members, too many for its query, and is not divided", len(members))
		}
		if err != nil {
			row.Error = shortened(err)
			return []Row{row}
		}
		packing = joined(append(common.notes, packing)...)
	}
	rows := make([]Row, len(members))
	for i, m := range members {
		one := &rows[i]
		*one = row
		one.ID, one.Body, one.Error = memberID(r.ID, i), m, ""
		if one.Kind == Form {
			one.Data, err = common.with(m, from.charset)
		} else {
			if one.Kind != Report {
				one.Kind = JSON
			}
			one.Data, err = decodeJSON(m)
		}
		if err != nil {
			err = fmt.Errorf("member %d of the batch: %w", i+1, err)
		}
		if i == 0 { // which also has the notes about the whole body
			err = joined(packing, err)
		}
		if err != nil {
			one.Error = shortened(err)
		}
	}
	return rows
}

// membersOf returns the members of a batch, or nil for any other body.
func membersOf(row *Row, text []byte) (members []json.RawMessage, err error) {
	labelled := isNDJSON(parseMIME(row.ContentType).essence)
	switch {
	case row.Kind == Pixel || row.Kind == Ping || row.Kind == Multipart || row.Kind == Binary || row.Kind == Envelope || row.Kind == OTLP:
		return nil, nil
	case row.Kind == Form:
		if !hasFormLines(text) {
			return nil, nil
		}
		members = lines(text)
	case labelled || !isJSON(text):
		members = lines(text)
		// With another label, the first line decides whether the lines are JSON.
		if len(members) > 0 && !labelled && !isJSON(members[0]) {
			return nil, nil
		}
	default:
		members = elements(text)
	}
	if len(members) > maxMembers {
		return nil, fmt.Errorf("the batch has more than %d members and is not divided", maxMembers)
	}
	if said := len(row.Stream) + len(row.Query) + len(row.Origin) + len(row.Referrer) + len(row.UserAgent) + len(row.ContentType); said*len(members) > maxCopied {
		return nil, fmt.Errorf("the batch has %d members, too many for a request with %d bytes of query and headers, and is not divided", len(members), said)
	}
	return members, nil
}

// elements returns the elements of a JSON array, at most maxMembers+1, and nil for an object. The
// caller has checked that text is valid.
func elements(text []byte) (all []json.RawMessage) {
	in := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	if open, err := in.Token(); err != nil || open != json.Delim('[') {
		return nil
	}
	for len(all) <= maxMembers && in.More() {
		var one json.RawMessage
		if in.Decode(&one) != nil {
			break
		}
		all = append(all, one)
	}
	return all
}

// memberID returns the id of member n of a record: a UUIDv8 (RFC 9562, section 5.8) that has the
// time of the record's UUIDv7, then n, so that members sort in their order, then bits of a hash of
// the record's id and n.
func memberID(record uuid.UUID, n int) uuid.UUID {
	sum := sha256.Sum256(fmt.Appendf(record[:], "%d", n))
	id := record
	binary.BigEndian.PutUint16(id[6:], 0x8000|uint16(n>>4))
	copy(id[8:], sum[:])
	id[8] = 0x80 | byte(n&0xf)<<2 | sum[0]&0x3
	return id
}
