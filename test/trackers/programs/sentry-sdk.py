import os
import sys

import sentry_sdk

import problems

dsn = os.environ["COLLECTOR"].replace("://", "://key@") + "/1"
sentry_sdk.init(dsn=dsn, traces_sample_rate=1.0)
try:
    raise RuntimeError("the page broke")
except RuntimeError as error:
    sentry_sdk.capture_exception(error)
sentry_sdk.flush()
with sentry_sdk.start_transaction(op="task", name="signup") as transaction:
    transaction.set_data("plan", "pro")
sentry_sdk.flush()
sys.exit(problems.count)
