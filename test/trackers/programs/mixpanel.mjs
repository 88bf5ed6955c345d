import Mixpanel from "mixpanel";

const { protocol, hostname, port } = new URL(process.env.COLLECTOR);
const mixpanel = Mixpanel.init("token", { protocol: protocol.slice(0, -1), host: hostname + ":" + port, geolocate: false });

function ended(error) {
	if (error) {
		console.error(error);
		process.exitCode = 1;
	}
}
mixpanel.track("page view", { distinct_id: "somebody", url: "http://localhost/" }, ended);
mixpanel.track_batch([{ event: "signup", properties: { distinct_id: "somebody", plan: "pro" } }], {}, ended);
mixpanel.people.set("somebody", { plan: "pro" }, ended);
