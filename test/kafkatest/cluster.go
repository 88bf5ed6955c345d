package kafkatest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d051cf5a/beacon/internal/certtest"
	"github.com/seed-d051cf5a/beacon/internal/proctest"
)

// The user of the SASL listeners. It has no rights until a test gives it some. The user of the plain listener
// has all.
const (
	User     = "alice"
	Password = "secret"
)

const (
	// clusterID is any UUID in the brokers' encoding.
	clusterID = "AAAAAAAAAAAAAAAAAAAAAA"
	// startLimit is how long a broker may take to start.
	startLimit = time.Minute
)

// A listener is a port of each broker.
type listener int

// The listeners of a broker.
const (
	Plain listener = iota // without TLS and SASL
	SASL                  // with the mechanisms PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512
	TLS
	controller
	listeners
)

var listenerNames = [listeners]string{"PLAIN", "SASL", "TLS", "CONTROLLER"}

// A Cluster is brokers that end with their test.
type Cluster struct {
	CA string // PEM file of the CA of the TLS listeners

	t       testing.TB
	jars    string
	dir     string
	brokers []*broker
}

// A broker is one process.
type broker struct {
	config string
	ports  [listeners]int
	log    *proctest.Buffer
	cmd    *exec.Cmd
	ended  chan struct{}
}

// Start starts one broker or three, and returns when they take requests. Topics have so many replicas at
// most. Without Java or Maven the test is skipped, or fails if the environment has CI=true.
func Start(t testing.TB, brokers int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, jars: install(t), dir: t.TempDir()}
	cert, key, _ := certtest.Write(t, c.dir, 1)
	c.CA = cert
	var identity []byte
	for _, file := range []string{key, cert} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		identity = append(identity, b...)
	}
	write(t, filepath.Join(c.dir, "identity.pem"), identity)
	for range brokers {
		c.brokers = append(c.brokers, &broker{ports: freePorts(t), log: &proctest.Buffer{}})
	}
	var formats sync.WaitGroup
	for i, b := range c.brokers {
		b.config = filepath.Join(c.dir, fmt.Sprintf("%d.properties", i))
		write(t, b.config, []byte(c.properties(i)))
		formats.Go(func() { c.format(b) })
	}
	formats.Wait()
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for i, b := range c.brokers {
			if b.cmd != nil {
				c.Kill(i)
			}
			if t.Failed() {
				t.Logf("log of broker %d:\n%s", i, b.log)
			}
		}
	})
	for i := range c.brokers {
		c.launch(i)
	}
	for i := range c.brokers {
		c.await(i)
	}
	return c
}

// Addresses returns host:port of a listener of each broker.
func (c *Cluster) Addresses(l listener) (all []string) {
	for _, b := range c.brokers {
		all = append(all, fmt.Sprintf("127.0.0.1:%d", b.ports[l]))
	}
	return all
}

// Kill kills a broker with SIGKILL.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	b := c.brokers[i]
	if err := b.cmd.Process.Kill(); err != nil {
		c.t.Errorf("kill broker %d: %v", i, err)
	}
	<-b.ended
	b.cmd = nil
}

// Restart starts a broker again that was killed, and returns when it takes requests.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	c.launch(i)
	c.await(i)
}

// Tool runs one of Kafka's command-line tools by the name of its class, such as
// org.apache.kafka.tools.TopicCommand, and returns its output.
func (c *Cluster) Tool(class string, args ...string) (string, error) {
	out, err := c.java(append([]string{class}, args...)...).CombinedOutput()
	return string(out), err
}

// java returns the command that runs a class with 384 MiB of heap.
func (c *Cluster) java(args ...string) *exec.Cmd {
	// These options shorten the start: brokers of tests do not live long.
	options := []string{"-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=" + filepath.Join(c.jars, "log4j2.properties"), "-cp", filepath.Join(c.jars, "*")}
	return exec.Command("java", append(options, args...)...)
}

// format prepares the data folder of a broker.
func (c *Cluster) format(b *broker) {
	out, err := c.Tool("kafka.tools.StorageTool", "format", "-t", clusterID, "-c", b.config,
		"--add-scram", "SCRAM-SHA-256=[name="+User+",password="+Password+"]", "--add-scram", "SCRAM-SHA-512=[name="+User+",password="+Password+"]")
	if err != nil {
		c.t.Errorf("format the broker's folder: %v: %s", err, out)
	}
}

// launch starts the process of a broker.
func (c *Cluster) launch(i int) {
	c.t.Helper()
	b := c.brokers[i]
	b.log, b.ended = &proctest.Buffer{}, make(chan struct{})
	cmd := c.java("kafka.Kafka", b.config)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	b.cmd = cmd
	ended := b.ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
}

// await waits until a broker takes requests.
func (c *Cluster) await(i int) {
	c.t.Helper()
	b := c.brokers[i]
	deadline := time.After(startLimit)
	for !strings.Contains(b.log.String(), "Kafka Server started") {
		select {
		case <-b.ended:
			c.t.Fatalf("broker %d has ended:\n%s", i, b.log)
		case <-deadline:
			c.t.Fatalf("broker %d takes no requests after %v:\n%s", i, startLimit, b.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePorts returns ports of 127.0.0.1 that nothing listens on. Another process can take them meanwhile; the
// broker then does not start.
func freePorts(t testing.TB) (ports [listeners]int) {
	t.Helper()
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // after all are found, so that they differ
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports
}
