import { subscribe } from "node:diagnostics_channel";

import MatomoTracker from "matomo-tracker";

const matomo = new MatomoTracker(1, process.env.COLLECTOR + "/matomo.php");
matomo.on("error", (error) => {
	console.error(error);
	process.exit(1);
});
matomo.track({ url: "http://localhost/", action_name: "Home" });
matomo.track({ url: "http://localhost/", e_c: "form", e_a: "signup", e_n: "plan", e_v: 1 });
matomo.trackBulk([
	{ url: "http://localhost/first", action_name: "First" },
	{ url: "http://localhost/second", action_name: "Second" },
]);

// The library leaves the answers of GETs unread, so their connections stay open.
let answers = 0;
subscribe("http.client.response.finish", () => {
	if (++answers === 3) {
		process.exit();
	}
});
