import { buildPageView, buildStructEvent, newTracker } from "@snowplow/node-tracker";

const tracker = newTracker(
	{ namespace: "tracker", appId: "app" },
	{
		endpoint: process.env.COLLECTOR,
		eventMethod: "post",
		onRequestFailure: (data) => {
			console.error(data);
			process.exitCode = 1;
		},
	},
);
tracker.track(buildPageView({ pageUrl: "http://localhost/", pageTitle: "The page" }));
await tracker.flush();
tracker.track(buildStructEvent({ category: "form", action: "signup", label: "plan", property: "pro" }));
await tracker.flush();
