package main

import (
	"fmt"
	"log/slog"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/seed-d051cf5a/beacon"
	"github.com/seed-d051cf5a/beacon/internal/deliver"
	"github.com/seed-d051cf5a/beacon/internal/outbox"
	"github.com/seed-d051cf5a/beacon/internal/weburl"
)

func outboxDropCommand(dir *string) *cobra.Command {
	var order deliver.Order
	cmd := &cobra.Command{
		Use: "drop [ID…]", Short: "Delete beacons that wait, or what is in dead/",
		Long: `Delete beacons without delivering them: those with the IDs, which may also be in dead/, those for
one origin, all that wait, or all in dead/. It takes effect at once, also while beacons are
being delivered. Those that waited are counted as dropped; those in dead/ stay counted as what
they were.`,
		Example: `  beacon outbox drop 0199e2b4-6a55-7b1e-9c64-0a4f3f1a2b3c
  beacon outbox drop --origin https://gone.example
  beacon outbox drop --dead`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			for _, arg := range args {
				id, err := uuid.Parse(arg)
				if err != nil {
					return usagef("%q is not an ID: 'beacon outbox list' prints them", arg)
				}
				order.Drop = append(order.Drop, id)
			}
			if order.DropOrigin, err = originOf(order.DropOrigin); err != nil {
				return err
			}
			chosen := 0
			for _, set := range []bool{len(args) > 0, order.DropOrigin != "", order.DropAll, order.DropDead} {
				if set {
					chosen++
				}
			}
			if chosen != 1 {
				return usagef("drop needs one of: IDs, --origin, --all (that wait), --dead (those in dead/)")
			}
			n, err := give(cmd, *dir, order)
			if err == nil {
				fmt.Printf("dropped: %d\n", n)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&order.DropOrigin, "origin", "", "all that wait for this `origin`, such as https://gone.example")
	cmd.Flags().BoolVar(&order.DropAll, "all", false, "all that wait")
	cmd.Flags().BoolVar(&order.DropDead, "dead", false, "all in dead/")
	return cmd
}

func outboxRetryCommand(dir *string) *cobra.Command {
	return &cobra.Command{
		Use: "retry", Short: "Put what is in dead/ back, to be delivered once more",
		Example: `  beacon outbox retry && beacon outbox flush`,
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := give(cmd, *dir, deliver.Order{Retry: true})
			if err == nil {
				fmt.Printf("waiting again: %d; 'beacon outbox flush' waits until they are delivered\n", n)
			}
			return err
		},
	}
}

// originOf returns the origin of the URL that a flag has, or "" without the flag.
func originOf(flag string) (string, error) {
	if flag == "" {
		return "", nil
	}
	u, err := weburl.Parse(flag)
	if err != nil || !weburl.IsHTTP(u) {
		return "", usagef("--origin %q is not an origin: write it like https://beacons.example", flag)
	}
	return deliver.OriginOf(u.Href(true)), nil
}

// give has an order carried out in an outbox and in those of its pages, and returns how many beacons it
// concerned.
func give(cmd *cobra.Command, dir string, order deliver.Order) (n int, err error) {
	if err := mustExist(dir); err != nil {
		return 0, err
	}
	n, err = outbox.Do(cmd.Context(), dir, order, slog.New(plainLog{}))
	beacon.Start(beacon.Config{Dir: dir}) // delivers what waits, if nothing else does
	return n, err
}
