package kafka

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const defaultPort = "9092"

// ParseURL parses the URL of a topic, such as
//
//	kafka://broker1,broker2:9093,[2001:db8::1]/topic
//	kafkas://user@broker1/topic
//
// kafkas means TLS. The port of a broker is 9092 if it has none. A password is an error, because ps shows a
// command's arguments to all users. The result has Brokers, Topic, User and TLS.
func ParseURL(text string) (Options, error) {
	var o Options
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case ok && strings.EqualFold(scheme, "kafka"):
	case ok && strings.EqualFold(scheme, "kafkas"):
		o.TLS = true
	default:
		return o, fmt.Errorf("%q is not the URL of a Kafka topic\nhint: write it as kafka://broker1,broker2/topic, or kafkas:// for TLS", text)
	}
	authority, topic, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, password, has := strings.Cut(authority[:i], ":")
		if has {
			// The error does not quote the URL: it goes to logs.
			_ = password
			return Options{}, errors.New("the Kafka URL has a password, which ps would show to all users\nhint: remove it from the URL, and put it into a file: see --log-password-file")
		}
		var err error
		if o.User, err = url.PathUnescape(user); err != nil || o.User == "" {
			return Options{}, fmt.Errorf("%q has a user that can't be read: write special characters as %%XX", text)
		}
		authority = authority[i+1:]
	}
	for broker := range strings.SplitSeq(authority, ",") {
		address, err := brokerAddress(broker)
		if err != nil {
			return Options{}, fmt.Errorf("%q: %w", text, err)
		}
		o.Brokers = append(o.Brokers, address)
	}
	if strings.ContainsAny(topic, "?#") {
		return Options{}, fmt.Errorf("%q has a query: the URL of a topic ends with its name, and flags set all else", text)
	}
	o.Topic = strings.TrimSuffix(topic, "/")
	if err := checkTopic(o.Topic); err != nil {
		return Options{}, fmt.Errorf("%q: %w", text, err)
	}
	return o, nil
}

// brokerAddress returns a broker as host:port.
func brokerAddress(broker string) (string, error) {
	if broker == "" {
		return "", errors.New("a broker is missing\nhint: write it as kafka://broker1,broker2/topic, without spaces")
	}
	if a, err := netip.ParseAddr(strings.Trim(broker, "[]")); err == nil {
		if a.Is6() && !strings.HasPrefix(broker, "[") {
			return "", fmt.Errorf("broker %s is an IPv6 address: write it in brackets, such as [%s]:%s", broker, broker, defaultPort)
		}
		return net.JoinHostPort(a.String(), defaultPort), nil
	}
	host, port, err := net.SplitHostPort(broker)
	if err != nil {
		host, port, err = net.SplitHostPort(broker + ":" + defaultPort)
	}
	if n, notNumber := strconv.ParseUint(port, 10, 16); err != nil || host == "" || notNumber != nil || n == 0 || strings.ContainsAny(host, " /\\@?#") {
		return "", fmt.Errorf("broker %q can't be read: write it as host or host:port", broker)
	}
	return net.JoinHostPort(host, port), nil
}

// checkTopic returns an error for a name that Kafka does not allow.
func checkTopic(topic string) error {
	valid := topic != "" && topic != "." && topic != ".." && len(topic) <= 249
	for i := range len(topic) {
		c := topic[i]
		valid = valid && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	switch {
	case topic == "":
		return errors.New("the name of the topic is missing\nhint: write it behind the brokers, such as kafka://broker1/beacons")
	case !valid:
		return fmt.Errorf("topic %q: a name has letters, digits and . _ -, at most 249 of them", topic)
	}
	return nil
}
