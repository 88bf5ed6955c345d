import os
import sys

from snowplow_tracker import Emitter, PageView, StructuredEvent, Tracker

import problems

emitter = Emitter(os.environ["COLLECTOR"], on_failure=problems.report)
tracker = Tracker("tracker", emitter, app_id="app")
tracker.track(PageView("http://localhost/", "The page"))
tracker.flush()
tracker.track(StructuredEvent("form", "signup", property_="plan", label="pro"))
tracker.flush()
sys.exit(problems.count)
