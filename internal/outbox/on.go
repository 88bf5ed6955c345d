//go:build !beacon_off

package outbox

// compiledOff is whether the program was built without sending.
const compiledOff = false
