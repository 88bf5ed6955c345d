import os
import sys

import bugsnag

import problems

collector = os.environ["COLLECTOR"]
bugsnag.configure(api_key="0123456789abcdef0123456789abcdef", endpoint=collector + "/notify", session_endpoint=collector + "/sessions",
                  project_root="/", asynchronous=False)
bugsnag.start_session()
bugsnag.notify(RuntimeError("the page broke"))
bugsnag.notify(RuntimeError("signup"), metadata={"form": {"plan": "pro"}})
bugsnag.legacy.default_client.flush(10000)
sys.exit(problems.count)
