import os

from amplitude import Amplitude, BaseEvent

client = Amplitude("key")
client.configuration.server_url = os.environ["COLLECTOR"] + "/2/httpapi"
client.configuration.flush_interval_millis = 100
results = []
client.configuration.callback = lambda event, code, message: results.append(code)
client.track(BaseEvent("page view", user_id="somebody", event_properties={"url": "http://localhost/"}))
for future in client.flush():
    future and future.result()
client.track(BaseEvent("signup", user_id="somebody", event_properties={"plan": "pro"}))
for future in client.flush():
    future and future.result()
client.shutdown()
if results != [200, 200]:
    raise SystemExit(f"the library reports {results}")
