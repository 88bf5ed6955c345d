import { flush, init, track } from "@amplitude/analytics-node";

await init("key", { serverUrl: process.env.COLLECTOR + "/2/httpapi", flushIntervalMillis: 100 }).promise;
for (const [name, properties] of [["page view", { url: "http://localhost/" }], ["signup", { plan: "pro" }]]) {
	const sent = track(name, properties, { user_id: "somebody" }).promise;
	await flush().promise;
	const { code, message } = await sent;
	if (code !== 200) {
		console.error(name, code, message);
		process.exitCode = 1;
	}
}
