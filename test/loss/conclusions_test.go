//go:build unix

package loss

// conclusions are the document's last part. They are written by hand from the figures above them.
const conclusions = `
## What a site can conclude

`
