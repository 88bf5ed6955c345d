import { PostHog } from "posthog-node";

const client = new PostHog("key", { host: process.env.COLLECTOR });
client.on("error", (error) => {
	console.error(error);
	process.exitCode = 1;
});
client.capture({ distinctId: "somebody", event: "$pageview", properties: { $current_url: "http://localhost/" } });
await client.flush();
client.capture({ distinctId: "somebody", event: "signup", properties: { plan: "pro" } });
await client.flush();
await client.shutdown();
