import { Notifier } from "@airbrake/node";

const airbrake = new Notifier({ projectId: 1, projectKey: "key", host: process.env.COLLECTOR, remoteConfig: false, performanceStats: false });
for (const notice of [{ error: new Error("the page broke") }, { error: new Error("signup"), params: { plan: "pro" } }]) {
	const { error } = await airbrake.notify(notice);
	if (error) {
		console.error(error);
		process.exitCode = 1;
	}
}
