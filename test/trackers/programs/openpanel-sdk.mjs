import { OpenPanel } from "@openpanel/sdk";

const openpanel = new OpenPanel({ apiUrl: process.env.COLLECTOR, clientId: "client", clientSecret: "secret" });
for (const answer of [
	await openpanel.track("screen_view", { path: "/", title: "The page" }),
	await openpanel.track("signup", { plan: "pro" }),
]) {
	if (answer === null) {
		process.exitCode = 1;
	}
}
