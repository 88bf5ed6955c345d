import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "key", host: process.env.COLLECTOR });
analytics.on("error", (error) => {
	console.error(error);
	process.exitCode = 1;
});
analytics.page({ userId: "somebody", name: "Home", properties: { url: "http://localhost/" } });
await analytics.flush();
analytics.track({ userId: "somebody", event: "signup", properties: { plan: "pro" } });
await analytics.closeAndFlush();
