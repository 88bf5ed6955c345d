package fetchrules

// IsNullBodyStatus is Fetch, "null body status".
func IsNullBodyStatus(status int) bool {
	switch status {
	case 101, 103, 204, 205, 304:
		return true
	}
	return false
}

// IsRedirectStatus is Fetch, "redirect status".
func IsRedirectStatus(status int) bool {
	switch status {
	case 301, 302, 303, 307, 308:
		return true
	}
	return false
}
