package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/seed-d051cf5a/beacon/cmd/internal/clickhouse"
)

// toPasswordVariable has the password for ClickHouse, in place of --to-password-file.
const toPasswordVariable = "BEACON_TO_PASSWORD"

// clickhouseOptions are the flags about ClickHouse.
type clickhouseOptions struct {
	url, passwordFile, ca string

	target clickhouse.Target // after check
}

func (o *clickhouseOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.url, "to", "", "`URL` of a database of ClickHouse, such as clickhouse://user@host:8123/db, or clickhouses:// for https: the table is there, behind the view beacons or the one that the URL names, as in /db.view")
	f.StringVar(&o.passwordFile, "to-password-file", "", "`file` whose first line is the password of ClickHouse's user, unless "+toPasswordVariable+" has it; read again for each request")
	f.StringVar(&o.ca, "to-ca", "", "PEM `file` of the authorities that may sign ClickHouse's certificate; the default is those of the system")
}

// withClickHouse are the flags of beacon table that count with --to. The others are about the files of a table. data does
// nothing, but BEACON_DATA sets it for all commands of a user.
var withClickHouse = []string{
	"from", "log-sasl", "log-password-file", "log-ca", "log-cert", "log-key", "partitions", "to", "to-password-file", "to-ca",
	"listen", "tls-cert", "tls-key", "token-file", "memory", "script", "column", "schema", "data",
}

// check parses the URL, and refuses flags that do nothing with it.
func (o *clickhouseOptions) check(f *pflag.FlagSet) (err error) {
	if o.target, err = clickhouse.ParseURL(o.url); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if o.ca != "" && !o.target.TLS {
		return fmt.Errorf("--to-ca needs https: write the URL of --to with clickhouses://")
	}
	f.Visit(func(flag *pflag.Flag) {
		if !slices.Contains(withClickHouse, flag.Name) && err == nil {
			err = fmt.Errorf("--%s is about files and queries of this machine, and --to keeps none: leave it out", flag.Name)
		}
	})
	if err == nil {
		_, err = o.password()
	}
	return err
}

// password reads the password of ClickHouse's user. It is "" if none is set.
func (o *clickhouseOptions) password() (string, error) {
	return secret(toPasswordVariable, o.passwordFile, "ClickHouse's user")
}
