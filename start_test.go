package beacon_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/seed-d051cf5a/beacon"
)

func init() { programs["wrong config"] = wrongConfig }

// wrongConfig is a program that opts out, has a mistake in its Config, and does not look at Start's error.
func wrongConfig(url string) {
	err := beacon.Start(beacon.Config{Disabled: true, Header: http.Header{"Host": {"x"}}})
	if typeError := (*beacon.TypeError)(nil); !errors.As(err, &typeError) {
		fmt.Println("Start returned", err)
	}
	if sent := beacon.Send(url, "x"); sent != err {
		fmt.Println("Send returned", sent)
	}
	// A beacon that the user opted out of does not go to Base either.
	os.Setenv("DO_NOT_TRACK", "1")
	beacon.Start(beacon.Config{HonorDoNotTrack: true, Header: http.Header{"Host": {"x"}}})
	client := http.Client{Transport: &beacon.Transport{}}
	if res, err := client.Post(url, "text/plain", nil); err != nil || res.StatusCode != http.StatusAccepted {
		fmt.Println("Transport returned", res, err)
	}
	os.Exit(0)
}
