import os
import sys

from posthog import Posthog

import problems

client = Posthog("key", host=os.environ["COLLECTOR"], on_error=problems.report)
client.capture("$pageview", distinct_id="somebody", properties={"$current_url": "http://localhost/"})
client.flush()
client.capture("signup", distinct_id="somebody", properties={"plan": "pro"})
client.flush()
client.shutdown()
sys.exit(problems.count)
