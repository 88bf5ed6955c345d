import os
import sys

import elasticapm

import problems

client = elasticapm.Client(service_name="programs", server_url=os.environ["COLLECTOR"], central_config=False)
try:
    raise RuntimeError("the page broke")
except RuntimeError:
    client.capture_exception()
client.begin_transaction("request")
elasticapm.label(plan="pro")
client.end_transaction("signup")
client.close()
sys.exit(problems.count)
