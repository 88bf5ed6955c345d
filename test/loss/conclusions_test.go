//go:build unix

package loss

// conclusions are the document's last part. They are written by hand from the figures above them.
const conclusions = `
## What a site can conclude

These lines were written by hand. A new measurement may differ: then the tables count.

- Send the event when ` + "`visibilitychange`" + ` says hidden. It also arrives if the browser is killed after a tab switch.
- The same body on ` + "`pagehide`" + ` too is one more chance. The receiver then counts events by their id.
- Also send the state so far, early and again. Kills, crashes and, in Chromium, quitting leave no time for more.
- ` + "`fetchLater`" + ` did as well in Chromium, and also arrived when it quit. Other engines need one of the others.
- Do not use ` + "`unload`" + ` or ` + "`XMLHttpRequest`" + `: WebKit lost nearly all of these events after a link, and Firefox lost XHR on close.
- No engine sends again what failed offline. A site that needs the event stores it and sends it on the next visit.
- Do not keep large keepalive requests pending: in Chromium they used the quota of the beacon, in Firefox that of fetch.
- The Blob's preflight cost little here, where the receiver is near. A string needs none.
`
