package outbox

// MaxHeader is the most bytes of a caller's header, or of a URL.
const MaxHeader = 64 << 10
