// Package fetchrules is what the standards say of a request's method, header and referrer
// policy, and of a response's status: a page's scripts meet these rules when they make a
// request, and the user agent when it sends one.
package fetchrules
