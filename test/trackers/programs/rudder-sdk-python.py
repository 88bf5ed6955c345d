import os
import sys

from rudderstack.analytics.client import Client

import problems

client = Client("key", host=os.environ["COLLECTOR"], on_error=problems.report)
client.page(user_id="somebody", name="Home", properties={"url": "http://localhost/"})
client.flush()
client.track(user_id="somebody", event="signup", properties={"plan": "pro"})
client.flush()
client.join()
sys.exit(problems.count)
