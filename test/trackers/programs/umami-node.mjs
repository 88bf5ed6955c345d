import { Umami } from "@umami/node";

const umami = new Umami({ websiteId: "6b4a4e2c-6d1f-4f53-8f5c-0d5a3b0f2c1e", hostUrl: process.env.COLLECTOR });
for (const answer of [
	await umami.track({ hostname: "localhost", url: "/", title: "The page" }),
	await umami.track("signup", { plan: "pro" }),
]) {
	if (!answer.ok) {
		process.exitCode = 1;
	}
}
