package main

import (
	"errors"
	"log"
	"os"

	"github.com/rollbar/rollbar-go"
)

func main() {
	client := rollbar.NewSync("token", "production", "", "", "")
	client.SetEndpoint(os.Getenv("COLLECTOR") + "/api/1/item/")
	failed := 0
	client.SetLogger(logger(func(v ...any) { log.Print(v...); failed++ }))
	client.ErrorWithLevel(rollbar.ERR, errors.New("the page broke"))
	client.MessageWithExtras(rollbar.INFO, "signup", map[string]any{"plan": "pro"})
	client.Wait()
	if err := client.Close(); err != nil || failed > 0 {
		log.Fatal(failed, err)
	}
}

// A logger has what the client reports.
type logger func(v ...any)

func (l logger) Printf(format string, v ...any) { l(append([]any{format}, v...)...) }
