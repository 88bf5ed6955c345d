import { subscribe } from "node:diagnostics_channel";

import Countly from "countly-sdk-nodejs";

const retry = 1; // seconds until the library sends again what it takes for failed

Countly.init({ app_key: "key", url: process.env.COLLECTOR, device_id: "somebody", interval: 50, fail_timeout: retry, storage_type: "memory" });
Countly.track_view("home");

// The library has no flush: each answer is followed by the next step.
let answers = 0;
subscribe("http.client.response.finish", () => {
	answers++;
	if (answers === 1) {
		Countly.add_event({ key: "signup", count: 1, segmentation: { plan: "pro" } });
	} else if (answers === 2) {
		setTimeout(() => process.exit(), 3000 * retry);
	}
});
