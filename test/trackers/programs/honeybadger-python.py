import os
import sys

from honeybadger import honeybadger

import problems

honeybadger.configure(api_key="key", endpoint=os.environ["COLLECTOR"], force_sync=True, force_report_data=True)
honeybadger.notify(RuntimeError("the page broke"))
honeybadger.event("signup", {"plan": "pro"})
honeybadger.shutdown()
sys.exit(problems.count)
