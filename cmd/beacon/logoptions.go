package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/kafka"
)

// logPasswordVariable has the password for the log, in place of --log-password-file.
const logPasswordVariable = "BEACON_LOG_PASSWORD"

// logOptions are the flags about the connection to the log, a Kafka topic.
type logOptions struct {
	url, sasl, passwordFile, ca, cert, key string

	kafka kafka.Options // after check
}

func (o *logOptions) flags(f *pflag.FlagSet, name, help string) {
	f.StringVar(&o.url, name, "", help)
	f.StringVar(&o.sasl, "log-sasl", "", "`mechanism` of the log's user: plain, scram-sha-256 or scram-sha-512; the user is in the URL, as in kafka://USER@b1/beacons")
	f.StringVar(&o.passwordFile, "log-password-file", "", "`file` whose first line is the password of the log's user, unless "+logPasswordVariable+" has it; read again for each connection")
	f.StringVar(&o.ca, "log-ca", "", "PEM `file` of the authorities that may sign the brokers' certificates; the default is those of the system")
	f.StringVar(&o.cert, "log-cert", "", "PEM `file` of the client certificate for the brokers")
	f.StringVar(&o.key, "log-key", "", "PEM `file` of the client certificate's key")
}

// check parses the URL. flag is the name of the flag that has it.
func (o *logOptions) check(flag string, log *slog.Logger) (err error) {
	if o.url == "" {
		if o.sasl != "" || o.passwordFile != "" || o.ca != "" || o.cert != "" || o.key != "" {
			return fmt.Errorf("--log-sasl, --log-password-file, --log-ca, --log-cert and --log-key need --%s: name the log", flag)
		}
		return nil
	}
	if o.kafka, err = kafka.ParseURL(o.url); err != nil {
		return fmt.Errorf("--%s %w", flag, err)
	}
	o.kafka.SASL, o.kafka.CA, o.kafka.Cert, o.kafka.Key, o.kafka.Log = o.sasl, o.ca, o.cert, o.key, log
	o.kafka.Password = o.password
	if o.sasl != "" {
		_, err = o.password()
	}
	return err
}

// password reads the password of the log's user.
func (o *logOptions) password() (string, error) {
	text, err := secret(logPasswordVariable, o.passwordFile, "the log's user")
	if err == nil && text == "" {
		err = fmt.Errorf("the log's user needs a password: set %s, or name its file with --log-password-file", logPasswordVariable)
	}
	return text, err
}

// checkLog logs what is wrong with the log, with the hints of kafka.Check. largest is the size of the largest body that is
// shipped, or 0.
func (o *logOptions) checkLog(ctx context.Context, largest int64, log *slog.Logger) {
	warnings, err := kafka.Check(ctx, o.kafka, largest)
	for _, w := range warnings {
		log.Warn("log: " + w)
	}
	if err != nil && ctx.Err() == nil {
		log.Error("the log is not ready; it is tried again until it is", "error", err)
	}
}
