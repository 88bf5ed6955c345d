package page

// NewQuick makes a page on QuickJS, for the tests that both engines must pass.
var NewQuick = newQuick
