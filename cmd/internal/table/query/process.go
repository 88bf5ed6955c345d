package query

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"
)

// startTimeout is how long a process may take until its engine is open. It takes 0.1 s on an idle
// machine.
const startTimeout = 20 * time.Second

// A process is a child that answers one question.
type process struct {
	cmd      *exec.Cmd
	in       *os.File // its end is the end of the child
	out      *bufio.Reader
	outFile  *os.File
	temp     string // its own folder
	memory   int    // DuckDB's memory_limit in MiB
	confined bool   // by Landlock
	stderr   tail
	ready    chan struct{} // closed when the engine is open
	done     chan struct{} // closed when the process has ended and its folder is gone

	mu      sync.Mutex
	reason  error // why the parent killed it, or nil
	retired bool  // the parent killed it after use
}

// start starts a child and does not wait for its engine.
func start(o *Options, memory, threads int) (*process, error) {
	temp, err := os.MkdirTemp(o.Temp, processPrefix)
	if err != nil {
		return nil, err
	}
	p := &process{temp: temp, memory: memory, ready: make(chan struct{}), done: make(chan struct{})}
	if err := p.start(o); err != nil {
		os.RemoveAll(temp)
		return nil, err
	}
	go p.wait()
	go p.open(setup{Dir: o.Dir, Temp: temp, Memory: memory, Threads: threads})
	return p, nil
}

func (p *process) start(o *Options) error {
	childIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return err
	}
	defer childOut.Close()
	p.in, p.outFile, p.out = in, out, bufio.NewReaderSize(out, rowsFrame)
	p.cmd = exec.Command(o.Command[0], o.Command[1:]...)
	p.cmd.Env = append(MinimalEnv(), o.Env...)
	p.cmd.Dir = p.temp
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = childIn, childOut, &p.stderr
	if p.confined, err = startConfined(p.cmd, o.Dir, p.temp); err != nil {
		in.Close()
		out.Close()
	}
	return err
}

// MinimalEnv is the environment of a child that links DuckDB: it has none of the parent's secrets. The
// Go runtime prints no goroutines of a child that
// crashes, and glibc makes few arenas, which count against RLIMIT_DATA.
func MinimalEnv() []string {
	env := []string{"GOTRACEBACK=none", "MALLOC_ARENA_MAX=2", "LC_ALL=C.UTF-8"}
	for _, name := range neededEnv {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// open sends the setup and waits for the engine.
func (p *process) open(s setup) {
	late := time.AfterFunc(startTimeout, func() { p.kill(fmt.Errorf("the engine did not start within %v", startTimeout)) })
	defer late.Stop()
	err := writeJSON(p.in, frameSetup, s)
	if err == nil {
		var kind byte
		var payload []byte
		if kind, payload, err = readFrame(p.out); err == nil && kind == frameReady {
			close(p.ready)
			return
		}
		if err == nil {
			err = fmt.Errorf("start engine: %s", payload)
		}
	}
	p.kill(err)
}

// kill ends the process. The first reason is kept.
func (p *process) kill(reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reason == nil && !p.retired {
		p.reason = reason
	}
	p.cmd.Process.Kill()
}

// retire ends a process that was used or is not needed.
func (p *process) retire() {
	p.mu.Lock()
	p.retired = true
	p.mu.Unlock()
	p.cmd.Process.Kill()
}

func (p *process) wait() {
	p.cmd.Wait()
	p.in.Close()
	p.outFile.Close()
	os.RemoveAll(p.temp)
	close(p.done)
}

// ended waits for the end of the process. It returns the reason that the process left, and the parent's
// own, if the parent killed it.
func (p *process) ended() (reason string, killed error) {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lastWords(), p.reason
}

var (
	signalName = regexp.MustCompile(`SIG[A-Z]+: [a-z ]+|\[signal (SIG[A-Z]+): ([a-z ]+)`)
	noMemory   = regexp.MustCompile(`bad_alloc|out of memory|cannot allocate memory|Cannot allocate memory|can't allocate|pthread_create failed`)
)

// outOfMemory is the reason of an end that a limit of memory caused.
const outOfMemory = "out of memory"

// lastWords is the reason of an end that the parent did not cause. The Go runtime turns signals in
// C++ into an exit with a text.
func (p *process) lastWords() string {
	text := p.stderr.String()
	state := p.cmd.ProcessState
	switch name := signalName.FindString(text); {
	case noMemory.MatchString(text):
		return outOfMemory
	case name != "":
		return strings.TrimPrefix(name, "[signal ")
	case state == nil:
		return "unknown"
	}
	return state.String()
}

// tail keeps the first and the last bytes that were written to it, which is what a crash explains
// itself with. It never blocks the writer.
type tail struct {
	mu          sync.Mutex
	first, last []byte
}

const tailSize = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := b
	if room := tailSize - len(t.first); room > 0 {
		t.first = append(t.first, rest[:min(room, len(rest))]...)
		rest = rest[min(room, len(rest)):]
	}
	t.last = append(t.last, rest...)
	if over := len(t.last) - tailSize; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.first) + string(t.last))
}
