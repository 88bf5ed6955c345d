package script

// Columns are the columns of the table that the script's events fill, as NAME:TYPE or NAME:TYPE=PATH in their data.
// docs/script.md says what each is.
var Columns = []string{
	"name:varchar", "view:varchar", "n:bigint", "weight:double",
	"path:varchar", "title:varchar", "source:varchar",
	"utm_source:varchar", "utm_medium:varchar", "utm_campaign:varchar", "utm_term:varchar", "utm_content:varchar",
	"screen:varchar", "language:varchar", "status:bigint",
	"seconds:double", "focused:double", "scroll:double",
	"lcp:double", "inp:double", "cls:double", "fcp:double", "ttfb:double",
	"props_url:varchar=$.props.url", "props_message:varchar=$.props.message",
}
