// Package kafkatest runs real Kafka brokers for tests. They listen on 127.0.0.1 at free ports and keep their
// data in the test's TempDir. Each is a process of its own, which tests can kill and start again.
//
// The brokers' jars come from Maven's default repository, once for each version of pom.xml. They need Java 17
// or later and Maven: scripts/install-tools installs both.
package kafkatest
