package trackers

// serverSenders are in the order of their files' names.
var serverSenders = []sender{}
