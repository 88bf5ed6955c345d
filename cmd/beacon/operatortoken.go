package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/seed-d051cf5a/beacon/cmd/internal/durable"

	"github.com/seed-d051cf5a/beacon/internal/datadir"
)

const (
	tokenVariable = "BEACON_TOKEN"
	tokenFile     = "operator-token" // in the data folder
	tokenBytes    = 32               // random bytes in a token that serve makes
	longestToken  = 4 << 10          // bytes of the first line of a file
	shortestToken = 16               // bytes
)

// A token is the secret of a collector's operators, and where it is from.
type token struct {
	text  string // may be ""
	from  string // its source, or the reason why text is "", for errors
	isNew bool   // it is not in the data folder yet
}

// serveToken returns the token of a collector: that of BEACON_TOKEN, else that of the file of
// --token-file, else that of the data folder, else a new one. It logs a file that other users can read.
func serveToken(file, data string, log *slog.Logger) (t token, err error) {
	if t, err = environmentToken(); t.text == "" && err == nil && file != "" {
		t, err = readToken(file, log)
	}
	if err != nil || t.text != "" {
		if err == nil && len(t.text) < shortestToken {
			err = fmt.Errorf("the operators' token of %s has %d characters, and others could guess it: use at least %d, as 'openssl rand -base64 32' prints them", t.from, len(t.text), shortestToken)
		}
		return t, err
	}
	path := filepath.Join(data, tokenFile)
	t, err = readToken(path, log)
	var unread *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		random := make([]byte, tokenBytes)
		rand.Read(random)
		return token{base64.RawURLEncoding.EncodeToString(random), path, true}, nil
	case errors.As(err, &unread):
		return t, fmt.Errorf("%w\nhint: the user that runs serve must be able to read it", err)
	}
	if b, damage := base64.RawURLEncoding.DecodeString(t.text); err != nil || damage != nil || len(b) != tokenBytes {
		return t, fmt.Errorf("the operators' token in %s is empty or damaged\nhint: delete the file, and the next start makes a new token; to use a token of your own, name its file with --token-file", path)
	}
	return t, nil
}

// save writes a new token into the data folder. It never replaces a token. The collector whose folder
// it is must be open: its lock keeps other collectors out.
func (t token) save(data string) error {
	path := filepath.Join(data, tokenFile)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("save the operators' token: %s was made meanwhile: start again", path)
	}
	if err := durable.Replace(path, []byte(t.text+"\n")); err != nil {
		return fmt.Errorf("save the operators' token: %w", err)
	}
	return nil
}

// clientToken returns the token that a command sends to the collector at host: that of BEACON_TOKEN,
// else that of the file of --token-file, else, on this machine, that of the default data folder. If all
// of them are missing, it returns an empty token with the reason.
func clientToken(file, host string) (token, error) {
	if t, err := environmentToken(); t.text != "" || err != nil {
		return t, err
	}
	if file != "" {
		return readToken(file, nil)
	}
	if !isThisMachine(host) {
		return token{from: host + " is another machine"}, nil
	}
	path := filepath.Join(defaultData(), tokenFile)
	t, err := readToken(path, nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		t.from = path + " does not exist"
	case errors.Is(err, fs.ErrPermission):
		t.from = path + " is another user's"
	case err != nil:
		return t, err
	}
	return t, nil
}

// defaultData is serve's data folder without --data.
func defaultData() string {
	if dir := os.Getenv("BEACON_DATA"); dir != "" {
		return dir
	}
	dir, _ := datadir.Join("collector")
	return dir
}

// isThisMachine reports whether a URL's host is a loopback address or localhost.
func isThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

func environmentToken() (token, error) {
	text, set := os.LookupEnv(tokenVariable)
	if !set {
		return token{}, nil
	}
	if text == "" {
		return token{}, usagef("%s is empty: set it to the operators' token, or unset it", tokenVariable)
	}
	if err := checkToken(text); err != nil {
		return token{}, usagef("%s: %w", tokenVariable, err)
	}
	return token{text: text, from: tokenVariable}, nil
}

// readToken returns the first line of a file without the space around it. If log is not nil, it logs a
// file that other users can read.
func readToken(path string, log *slog.Logger) (token, error) {
	f, err := os.Open(path)
	if err != nil {
		return token{}, fmt.Errorf("read the operators' token: %w\nhint: the first line of the file has the token; name it with --token-file, or set BEACON_TOKEN", err)
	}
	defer f.Close()
	if log != nil {
		warnIfShared(f, log)
	}
	line, err := bufio.NewReader(io.LimitReader(f, longestToken)).ReadString('\n')
	if err != nil && err != io.EOF {
		return token{}, fmt.Errorf("read the operators' token: %w", err)
	}
	text := strings.TrimSpace(line)
	if text == "" {
		return token{}, fmt.Errorf("read the operators' token: the first line of %s is empty: write the token there", path)
	}
	if err := checkToken(text); err != nil {
		return token{}, fmt.Errorf("read the operators' token: the first line of %s: %w", path, err)
	}
	return token{text: text, from: path}, nil
}

// checkToken returns an error for a token that a request's header can't have.
func checkToken(text string) error {
	if len(text) >= longestToken {
		return fmt.Errorf("the token has more than %d bytes", longestToken-1)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token has a space or a character that is not ASCII: use letters, digits and punctuation")
	}
	return nil
}

// warnIfShared logs a token file that its group or others can read. The files of systemd's
// LoadCredential= are in a folder that only the service can open.
func warnIfShared(f *os.File, log *slog.Logger) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 || runtime.GOOS == "windows" {
		return
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(f.Name()) == filepath.Clean(dir) {
		return
	}
	log.Warn("other users can read the operators' token", "file", f.Name(), "mode", info.Mode().Perm(), "hint", "chmod 600")
}
