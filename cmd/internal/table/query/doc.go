// Package query answers SQL over the table's Parquet files in processes of their own.
//
// A query can crash DuckDB, take all memory or run without end. So DuckDB never runs in the
// collector: each query gets a new child process, which answers it and is killed after. A child
// that is started ahead and waits hides the start-up time.
//
// Bounds of a child, and which systems have them:
//
//	bound                                   Linux   macOS   Windows
//	time: interrupted, then killed          yes     yes     yes
//	memory_limit and threads of DuckDB      yes     yes     yes
//	files: DuckDB reads the table's folder  yes     yes     yes
//	disk: the size of its own folder        yes     yes     yes
//	one SELECT or EXPLAIN                   yes     yes     yes
//	RLIMIT_DATA: 256 MiB + 2 memory_limit,  yes     no      no
//	  RSS: 200 MiB more
//	Landlock: the kernel refuses other      yes     no      no
//	  files, TCP, signals to others
//	seccomp: sockets, exec, fork and so on  yes     no      no
//	lower CPU priority; first victim when   yes     no      no
//	  the machine is out of memory
//
// Where the kernel has no Landlock the child runs without it; Stats and the log say so.
//
// The parent's side is pure Go. The child's side, which links DuckDB, is in the files with a
// build constraint; Main is its entry.
package query
