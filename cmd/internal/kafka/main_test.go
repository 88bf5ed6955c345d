package kafka

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fakeBroker is the variable that makes the test's executable a broker, which ends with its stdin.
const fakeBroker = "BEACON_TEST_FAKE_BROKER"

func TestMain(m *testing.M) {
	if os.Getenv(fakeBroker) == "" {
		os.Exit(m.Run())
	}
	cluster := kfake.MustCluster(kfake.BlackholeProduce(), kfake.NumBrokers(1), kfake.SeedTopics(8, testTopic))
	fmt.Println(strings.Join(cluster.ListenAddrs(), ","))
	io.Copy(io.Discard, os.Stdin)
}
