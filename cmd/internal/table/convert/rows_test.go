//go:build cgo && (linux || darwin || windows) && (amd64 || arm64) && !(windows && arm64)

package convert

import "fmt"

// allKinds inserts rows with each kind of value, in the columns of the first schema.
const allKinds = `
insert into beacons (id, received_at, sent_at, stream, query, origin, referrer, user_agent, ip, content_type, kind, body, data, error)
values
	('0190a0b0-0000-7000-8000-000000000001', '2026-11-22 06:20:11.123456Z', '2026-11-22 06:20:10.001Z', '/x', 'q=1', 'https://example.com', 'https://example.com/p',
		'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)', '203.0.113.0', 'application/json', 'json', '{"value": 1.5, "name": "LCP"}', '{"value": 1.5, "name": "LCP"}', null),
	('0190a0b0-0000-7000-8000-000000000002', '2026-11-23 23:59:59.999999Z', null, '/', null, null, null, null, null, null, 'ping', '', null, null),
	('0190a0b0-0000-7000-8000-000000000003', '2026-11-24 00:00:00Z', null, '/numbers', null, null, null, 'Mozilla/5.0 Firefox/140.0', null, 'application/json', 'json',
		'{"a":1e400,"b":-0.0,"c":123456789012345678901234567890,"d":1.10,"e":1E+2,"a":2}', '{"a":1e400,"b":-0.0,"c":123456789012345678901234567890,"d":1.10,"e":1E+2,"a":2}', null),
	('0190a0b0-0000-7000-8000-000000000004', '2026-11-24 12:00:00Z', null, '/bytes', null, null, null, 'x', '2001:db8::', 'image/png', 'binary', '\x00\xFF\xFE\x80\x0A'::blob, null, null),
	('0190a0b0-0000-7000-8000-000000000005', '2026-11-24 12:00:01Z', null, '/text', 'a=b&c', null, null, 'x', null, 'text/plain', 'text', 'caf\xC3\xA9 \xF0\x9F\x92\xA9'::blob, '"café 💩"', null),
	('0190a0b0-0000-7000-8000-000000000006', '2026-11-24 12:00:02Z', null, '/broken', null, null, null, 'x', null, 'application/json', 'json', '{"a":', null, 'the JSON is broken near byte 5: unexpected end of JSON input'),
	('0190a0b0-0000-7000-8000-000000000007', '2026-11-24 12:00:03Z', null, '/surrogate', null, null, null, 'x', null, 'application/json', 'json', '{"a":"\x5Cud800"}', null, 'the engine can''t hold this JSON'),
	('0190a0b0-0000-7000-8000-000000000008', '2026-11-24 12:00:04Z', null, '/null', null, null, null, 'x', null, 'application/json', 'json', 'null', 'null', null),
	('0190a0b0-0000-7000-8000-000000000009', '2026-11-24 12:00:05Z', null, '/spaces', null, null, null, 'x', null, 'application/json', 'json', ' { "value" : "20" , "name":"a\x5C"b" } ', ' { "value" : "20" , "name":"a\"b" } ', null),
	('0190a0b0-0000-8001-8400-00000000000a', '2026-11-24 12:00:06Z', null, '/batch', null, null, null, 'x', null, 'application/json', 'json', '1', '1', null),
	('0190a0b0-0000-8001-8800-00000000000b', '2026-11-24 12:00:06Z', null, '/batch', null, null, null, 'x', null, 'application/json', 'json', '[2]', '[2]', null),
	('ffffffff-ffff-ffff-ffff-ffffffffffff', '0001-01-01 00:00:00.000001Z', '1969-12-31 23:59:59.999999Z', '/first', null, null, null, null, null, null, 'text', 'x', '"x"', null),
	('00000000-0000-0000-0000-000000000000', '9999-12-31 23:59:59.999999Z', '9999-12-31 00:00:00Z', '/last', null, null, null, null, null, null, 'text', 'x', '"x"', null),
	('80000000-0000-0000-0000-000000000000', '1969-12-31 23:59:59.999999Z', '1970-01-01 00:00:00Z', '/before', null, null, null, null, null, null, 'text', 'x', '"x"', null),
	('7fffffff-ffff-4fff-8fff-ffffffffffff', '1970-01-01 00:00:00Z', null, '/zero', null, null, null, null, null, null, 'text', 'x', '"x"', null);
insert into beacons (id, received_at, stream, content_type, kind, body, data)
	select uuid(), timestamptz '2026-11-24 13:00:00Z' + to_seconds(i), '/large', 'text/plain', 'text', encode(t), ('"' || t || '"')::json
	from (select i, repeat(md5(i::varchar), 32768) as t from range(6) r(i));`

// withBot sets the column where a collector of today wrote the row.
const withBot = `update beacons set bot = stream = '/x' where stream <> '/null' and stream <> '/x'`

// paddingLeft inserts the padding of a collector that was killed before it deleted it.
const paddingLeft = `
insert into padding values ('0190a0b0-0000-8001-8800-00000000000b');
insert into beacons by name select '0190a0b0-0000-8001-8800-00000000000b'::uuid as id, '2026-11-24 12:00:06Z'::timestamptz as received_at,
	'' as stream, 'padding' as kind, ''::blob as body from range(20000)`

// columnsDeclared adds columns as a collector with --column did, and one of the user's own.
const columnsDeclared = `
alter table beacons add column value double;
alter table beacons add column mine varchar;
insert into data_columns values ('value', 'double', '$.value', 17);
update beacons set value = 99, mine = 'x'`

// usualRows inserts n rows as those of pages, received over the days.
func usualRows(n, days int) string {
	return fmt.Sprintf(`insert into beacons by name
		select uuidv7() as id, t as received_at, t - to_milliseconds(40) as sent_at,
			'/events' as stream, 'https://shop.example' as origin, 'https://shop.example/p/' || i %% 1000 as referrer,
			'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/' || (100 + i %% 40) || '.0.0.0 Safari/537.36' as user_agent,
			'192.0.' || i %% 256 || '.0' as ip, 'application/json' as content_type, 'json' as kind,
			encode(text) as body, text::json as data, false as bot
		from (select i,
			timestamptz '2026-11-01 00:00:00Z' + to_microseconds(i * (86400000000 * %d // %d)) as t,
			'{"name":"LCP","value":' || (i * 7919 %% 100000) / 10.0 || ',"view":"' || uuid() || '","path":"/p/' || i %% 1000 || '","n":' || i %% 9 || '}' as text
			from range(%[2]d) r(i))`, days, n)
}
