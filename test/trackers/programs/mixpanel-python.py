import os

from mixpanel import Consumer, Mixpanel

collector = os.environ["COLLECTOR"]
consumer = Consumer(events_url=collector + "/track", people_url=collector + "/engage")
mixpanel = Mixpanel("token", consumer=consumer)
mixpanel.track("somebody", "page view", {"url": "http://localhost/"})
mixpanel.track("somebody", "signup", {"plan": "pro"})
mixpanel.people_set("somebody", {"plan": "pro"})
