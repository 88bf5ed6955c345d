// Package kafka connects a collector to a Kafka topic, the log. A Shipper follows an inbox and produces its
// records to the topic. Follow reads them again, in another process or on another machine. Check says before
// either what is wrong with the brokers, the topic or the rights.
//
//	inbox ─▶ Shipper ─▶ topic ─▶ Follow ─▶ any table
//	           │
//	           ├ ship-cursor   the place in the inbox before which the log has acknowledged all
//	           └ dead/         records that the log refuses for their size, and damaged ones
//
// The record of the topic:
//
//	key        the beacon's id, 16 bytes
//	value      the WARC record, as in the inbox
//	timestamp  the record's date, in milliseconds
//	headers    content-type: application/warc
//	           beacon-stream: the URL path of the beacon
//	           beacon-collector: the name of the collector
//	           beacon-schema: 1
//
// An erasure is a record without a key and with the header beacon-erase: 1. Its value is JSON, {"ids": ["…"]}.
// Each partition gets a copy, because a consumer of one partition does not see the others.
//
// Delivery is at least once. The producer is idempotent, so an answer that is lost does not repeat a record.
// A crash of the collector repeats what was acknowledged or under way since the cursor was last saved: see
// [Shipper]. The same id always goes to the same partition, as long as their number stays.
package kafka
