package web

import (
	"html/template"
	"net/http"
)

var messagePage = template.Must(template.ParseFS(files, "message.html"))

// Message returns the handler of a page with a title and a text.
func Message(title, text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentSecurityPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Type", contentTypes[".html"])
		messagePage.Execute(w, struct{ Title, Text string }{title, text})
	})
}
