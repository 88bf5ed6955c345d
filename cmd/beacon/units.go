package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An ageFlag is a flag's time in days, or as Go writes it: 90d, 36h, 90m.
type ageFlag time.Duration

func (a *ageFlag) Set(s string) error {
	days, ok := strings.CutSuffix(s, "d")
	if ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n > 0) || n > 36_500 {
			return fmt.Errorf("write it like 90d")
		}
		*a = ageFlag(n * 24 * float64(time.Hour))
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return fmt.Errorf("write it like 90d or 36h")
	}
	*a = ageFlag(d)
	return nil
}

func (a *ageFlag) String() string {
	if *a == 0 {
		return ""
	}
	return time.Duration(*a).String()
}

func (*ageFlag) Type() string { return "age" }

// A sizeFlag is a flag's number of bytes: 50GiB, 512MiB, 1048576.
type sizeFlag int64

func (z *sizeFlag) Set(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 && n <= 1<<60 {
		*z = sizeFlag(n)
		return nil
	}
	for i, unit := range [...]string{"B", "KiB", "MiB", "GiB", "TiB"} {
		number, ok := strings.CutSuffix(s, unit)
		if !ok || i == 0 && strings.HasSuffix(s, "iB") {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n > 0) || n*float64(int64(1)<<(10*i)) > 1<<60 {
			break
		}
		*z = sizeFlag(n * float64(int64(1)<<(10*i)))
		return nil
	}
	return fmt.Errorf("write it like 50GiB, 512MiB or 1048576, which is in bytes, and more than 0")
}

func (z *sizeFlag) String() string {
	if *z == 0 {
		return ""
	}
	return inBytes(float64(*z))
}

func (*sizeFlag) Type() string { return "size" }

// A switchFlag is a flag that is on or off.
type switchFlag bool

func (s *switchFlag) Set(text string) error {
	if text != "on" && text != "off" {
		return fmt.Errorf("write on or off")
	}
	*s = text == "on"
	return nil
}

func (s *switchFlag) String() string {
	if *s {
		return "on"
	}
	return "off"
}

func (*switchFlag) Type() string { return "on|off" }
