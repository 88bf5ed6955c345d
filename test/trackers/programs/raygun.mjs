import { Client } from "raygun";

const { hostname, port } = new URL(process.env.COLLECTOR);
const client = new Client().init({ apiKey: "key", host: hostname, port: Number(port), useSSL: false });
for (const [message, custom] of [["the page broke", {}], ["signup", { plan: "pro" }]]) {
	const answer = await client.send(new Error(message), { customData: custom });
	if (answer.statusCode > 299) {
		process.exitCode = 1;
	}
}
