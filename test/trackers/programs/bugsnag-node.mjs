import Bugsnag from "@bugsnag/node";

function problem(...what) {
	console.error(...what);
	process.exitCode = 1;
}
Bugsnag.start({
	apiKey: "0123456789abcdef0123456789abcdef",
	endpoints: { notify: process.env.COLLECTOR + "/notify", sessions: process.env.COLLECTOR + "/sessions" },
	logger: { debug() {}, info() {}, warn: problem, error: problem },
});
Bugsnag.notify(new Error("the page broke"));
Bugsnag.notify(new Error("signup"), (event) => event.addMetadata("form", { plan: "pro" }));
