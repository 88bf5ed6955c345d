import os
import sys

import rollbar

import problems

rollbar.init("token", "production", endpoint=os.environ["COLLECTOR"] + "/api/1/")
try:
    raise RuntimeError("the page broke")
except RuntimeError:
    rollbar.report_exc_info()
rollbar.wait()
rollbar.report_message("signup", "info", extra_data={"plan": "pro"})
rollbar.wait()
sys.exit(problems.count)
