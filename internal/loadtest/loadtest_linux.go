// Package loadtest posts beacons over many connections, for benchmarks. One goroutine serves
// all of them, writes prepared bytes and reads each answer with one call, so that the time is
// the server's and not a client library's.
package loadtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// body is what a beacon has: 512 bytes of JSON, in which the digits are others each time.
var body = `{"name":"LCP","value":0000000000000000,"id":"v4-0000000000000000","path":"/shop/cart","filler":"` + strings.Repeat("x", 414) + `"}`

// zeros are where a body has other digits.
const zeros = "0000000000000000"

// A Load is the connections to one server.
type Load struct {
	tb      testing.TB
	poll    int      // an epoll of all connections, by their number
	conns   []int    // their sockets
	request []byte   // is written to each in turn
	digits  [][]byte // of request
	answer  [4 << 10]byte
	events  [256]unix.EpollEvent
}

// Dial opens so many connections to address; they are closed at the test's end.
func Dial(tb testing.TB, address string, conns int) *Load {
	l := &Load{tb: tb, request: fmt.Appendf(nil,
		"POST /load HTTP/1.1\r\nHost: beacon.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0\r\nOrigin: https://shop.example\r\nReferer: https://shop.example/cart\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)}
	for rest := l.request; ; {
		i := bytes.Index(rest, []byte(zeros))
		if i < 0 {
			break
		}
		l.digits = append(l.digits, rest[i:i+len(zeros)])
		rest = rest[i+len(zeros):]
	}
	server := netip.MustParseAddrPort(address)
	l.poll = l.must(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	tb.Cleanup(func() { unix.Close(l.poll) })
	for n := range conns {
		conn := l.must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
		l.check(unix.Connect(conn, &unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}))
		l.check(unix.SetsockoptInt(conn, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
		l.watch(conn, n)
		l.conns = append(l.conns, conn)
	}
	return l
}

// watch has poll tell of a descriptor, and the test's end close it.
func (l *Load) watch(fd, number int) {
	l.check(unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(number)}))
	l.tb.Cleanup(func() { unix.Close(fd) })
}

// Post posts n beacons, one at a time on each connection, and returns how long that took. An
// answer that is not 204 fails the test.
func (l *Load) Post(n int) time.Duration {
	began := time.Now()
	sent := min(n, len(l.conns))
	for conn := range sent {
		l.post(conn)
	}
	for answered := 0; answered < n; {
		for _, event := range l.ready() {
			conn := int(event.Fd)
			l.read(conn)
			if answered++; sent < n {
				l.post(conn)
				sent++
			}
		}
	}
	return time.Since(began)
}

// tick is how exactly PostAt keeps its times.
const tick = 250 * time.Microsecond

// PostAt posts so many beacons a second for d, each when its time has come and not when the
// one before is answered, and returns how long each took from then on, sorted. A server that
// falls behind is seen in all that wait meanwhile.
func (l *Load) PostAt(perSecond float64, d time.Duration) []time.Duration {
	timer := l.must(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC))
	every := unix.NsecToTimespec(int64(tick))
	l.check(unix.TimerfdSettime(timer, 0, &unix.ItimerSpec{Interval: every, Value: every}, nil))
	ticks := len(l.conns)
	l.watch(timer, ticks)
	defer unix.EpollCtl(l.poll, unix.EPOLL_CTL_DEL, timer, nil)

	took := make([]time.Duration, int(perSecond*d.Seconds()))
	due := func(i int) time.Duration { return time.Duration(float64(i) / perSecond * float64(time.Second)) }
	var idle []int
	for conn := range l.conns {
		idle = append(idle, conn)
	}
	posted := make([]int, len(l.conns)) // by each connection
	began := time.Now()
	for next, answered := 0, 0; answered < len(took); {
		for ; next < len(took) && len(idle) > 0 && due(next) <= time.Since(began); next++ {
			conn := idle[0] // in turns, so that no server closes one for being idle
			idle = idle[1:]
			posted[conn] = next
			l.post(conn)
		}
		for _, event := range l.ready() {
			conn := int(event.Fd)
			if conn == ticks {
				l.must(unix.Read(timer, l.answer[:]))
				continue
			}
			l.read(conn)
			took[posted[conn]] = time.Since(began) - due(posted[conn])
			idle = append(idle, conn)
			answered++
		}
	}
	slices.Sort(took)
	return took
}

// ready waits for descriptors to read from; each event has one's number.
func (l *Load) ready() []unix.EpollEvent {
	n, err := unix.EpollWait(l.poll, l.events[:], -1)
	if err != unix.EINTR {
		l.check(err)
	}
	return l.events[:max(n, 0)]
}

func (l *Load) post(conn int) {
	for _, digits := range l.digits {
		n := rand.Uint64()
		for i := range digits {
			digits[i] = '1' + byte(n&7) // no 0, with which no number begins
			n >>= 3
		}
	}
	l.check(unix.Send(l.conns[conn], l.request, 0)) // all of it, as the socket blocks
}

func (l *Load) read(conn int) {
	n := l.must(unix.Read(l.conns[conn], l.answer[:]))
	if a := l.answer[:n]; !bytes.HasPrefix(a, []byte("HTTP/1.1 204")) || !bytes.HasSuffix(a, []byte("\r\n\r\n")) {
		l.tb.Fatalf("the answer is %q", a)
	}
}

func (l *Load) must(n int, err error) int {
	l.check(err)
	return n
}

func (l *Load) check(err error) {
	if err != nil {
		l.tb.Fatal(err)
	}
}
