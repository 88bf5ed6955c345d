package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// The values of Options.SASL.
const (
	Plain       = "plain"
	ScramSHA256 = "scram-sha-256"
	ScramSHA512 = "scram-sha-512"
)

// Options say how to reach a topic. They are not changed after their first use.
type Options struct {
	Brokers []string // host:port, at least one
	Topic   string

	// SASL is the mechanism: "" for none, or Plain, ScramSHA256 or ScramSHA512.
	SASL string
	User string
	// Password returns the password. It is called for each connection, so that a password can change
	// while the process runs. It comes from a file or the environment: ps shows a command's flags.
	Password func() (string, error)

	TLS       bool
	CA        string // PEM file of the certificates that are trusted; "" for those of the system
	Cert, Key string // PEM files of the client's certificate; both or none

	Log *slog.Logger // nil for none
}

const (
	dialTimeout = 5 * time.Second
	// Back-off between attempts to reach a broker. It is short, because records wait meanwhile.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 2 * time.Second
	// metadataMinAge is the least time between two requests for metadata. A batch that a broker refuses
	// for now, such as with NOT_ENOUGH_REPLICAS, is sent again after the next of them. The library's 5 s
	// would cost up to three times that.
	metadataMinAge = 250 * time.Millisecond
	// metadataMaxAge is how long a new partition can stay unknown.
	metadataMaxAge = 30 * time.Second
)

func (o *Options) log() *slog.Logger { return cmp.Or(o.Log, slog.New(slog.DiscardHandler)) }

// validate returns an error for options that can't work, whatever the brokers say.
func (o *Options) validate() error {
	switch {
	case len(o.Brokers) == 0:
		return errors.New("no Kafka broker is named\nhint: name one or more, such as kafka://broker:9092/beacons")
	case (o.Cert == "") != (o.Key == ""):
		return errors.New("the client's certificate and its key need each other: name both files")
	case !o.TLS && (o.Cert != "" || o.CA != ""):
		return errors.New("certificates need TLS: write the URL with kafkas:// instead of kafka://")
	case o.SASL == "" && o.User != "":
		return fmt.Errorf("a user needs a SASL mechanism: choose %s, %s or %s, as the brokers are set up", ScramSHA512, ScramSHA256, Plain)
	case o.SASL != "" && o.User == "":
		return fmt.Errorf("SASL mechanism %s needs a user: write it into the URL, such as kafkas://user@broker/topic", o.SASL)
	case o.SASL != "" && o.Password == nil:
		return errors.New("the user needs a password: name the file that has it")
	}
	return checkTopic(o.Topic)
}

// client returns a client of the library. It connects at its first request.
func (o *Options) client(more ...kgo.Opt) (*kgo.Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID("beacon"),
		kgo.SoftwareNameAndVersion("beacon", "1"),
		kgo.DialTimeout(dialTimeout),
		kgo.MetadataMinAge(metadataMinAge),
		kgo.MetadataMaxAge(metadataMaxAge),
		kgo.RetryBackoffFn(func(fails int) time.Duration {
			return min(minBackoff<<min(max(fails-1, 0), 8), maxBackoff)
		}),
		kgo.DisableClientMetrics(),
	}
	if o.TLS {
		config, err := o.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	if o.SASL != "" {
		mechanism, err := o.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(mechanism))
	}
	return kgo.NewClient(append(opts, more...)...)
}

func (o *Options) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("read CA certificates: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s has no certificate\nhint: it must be a PEM file, with BEGIN CERTIFICATE", o.CA)
		}
	}
	if o.Cert != "" {
		// The files are read for each connection, so that a new certificate needs no restart.
		if _, err := tls.LoadX509KeyPair(o.Cert, o.Key); err != nil {
			return nil, fmt.Errorf("read client certificate: %w", err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c, err := tls.LoadX509KeyPair(o.Cert, o.Key)
			return &c, err
		}
	}
	return config, nil
}

func (o *Options) mechanism() (sasl.Mechanism, error) {
	secret := func() (string, error) {
		password, err := o.Password()
		if err != nil {
			return "", fmt.Errorf("read Kafka password: %w", err)
		}
		return password, nil
	}
	auth := func(context.Context) (scram.Auth, error) {
		password, err := secret()
		return scram.Auth{User: o.User, Pass: password}, err
	}
	switch strings.ToLower(o.SASL) {
	case Plain:
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := secret()
			return plain.Auth{User: o.User, Pass: password}, err
		}), nil
	case ScramSHA256:
		return scram.Sha256(auth), nil
	case ScramSHA512:
		return scram.Sha512(auth), nil
	}
	return nil, fmt.Errorf("SASL mechanism %q is unknown: use %s, %s or %s", o.SASL, Plain, ScramSHA256, ScramSHA512)
}
