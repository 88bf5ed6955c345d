// Package clickhousetest runs ClickHouse's engine for tests. The engine is chdb, a library for Python, in a process of
// its own, with the part of ClickHouse's HTTP interface in front of it that beacon table --to uses. It keeps its data
// in the test's TempDir, so that a test can kill the process and start it again.
//
// ClickHouse's own HTTP server, its users and rights, and its limits under load are not part of it. The front checks one
// password, runs one query at a time, and writes the body of an INSERT into a file that the engine reads.
//
// chdb comes from Python's package index, once for each version of requirements.txt: scripts/install-tools installs
// Python.
package clickhousetest
