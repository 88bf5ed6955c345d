import RudderAnalytics from "@rudderstack/rudder-sdk-node";

const analytics = new RudderAnalytics("key", {
	dataPlaneUrl: process.env.COLLECTOR,
	errorHandler: (error) => {
		console.error(error);
		process.exitCode = 1;
	},
});
analytics.page({ userId: "somebody", name: "Home", properties: { url: "http://localhost/" } });
await analytics.flush();
analytics.track({ userId: "somebody", event: "signup", properties: { plan: "pro" } });
await analytics.flush();
