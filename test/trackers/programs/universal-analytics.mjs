import ua from "universal-analytics";

const visitor = ua("UA-1-1", { hostname: process.env.COLLECTOR, path: "/collect", batchPath: "/batch" });

function ended(error) {
	if (error) {
		console.error(error);
		process.exitCode = 1;
	}
}
visitor.pageview("/").send(ended);
visitor.pageview("/").event("form", "signup", "plan", "pro").send(ended);
