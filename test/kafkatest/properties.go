package kafkatest

import (
	"fmt"
	"path/filepath"
	"strings"
)

// properties returns the configuration of a broker.
func (c *Cluster) properties(i int) string {
	var voters, addresses []string
	for n, b := range c.brokers {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", n+1, b.ports[controller]))
	}
	for l, port := range c.brokers[i].ports {
		addresses = append(addresses, fmt.Sprintf("%s://127.0.0.1:%d", listenerNames[l], port))
	}
	replicas := len(c.brokers)
	return strings.Join([]string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", i+1),
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"listeners=" + strings.Join(addresses, ","),
		"listener.security.protocol.map=PLAIN:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,CONTROLLER:PLAINTEXT",
		"controller.listener.names=CONTROLLER",
		"inter.broker.listener.name=PLAIN",
		"log.dirs=" + filepath.ToSlash(filepath.Join(c.dir, fmt.Sprintf("broker-%d", i))),
		"auto.create.topics.enable=false",
		fmt.Sprintf("default.replication.factor=%d", replicas),
		fmt.Sprintf("offsets.topic.replication.factor=%d", replicas),
		// A broker that is killed is noticed after 3 s instead of 9.
		"broker.session.timeout.ms=3000",
		"broker.heartbeat.interval.ms=500",
		"listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		fmt.Sprintf("listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=\"%s\";", User, Password),
		"listener.name.sasl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.sasl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"listener.name.tls.ssl.keystore.type=PEM",
		"listener.name.tls.ssl.keystore.location=" + filepath.ToSlash(filepath.Join(c.dir, "identity.pem")),
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:ANONYMOUS",
		"",
	}, "\n")
}
