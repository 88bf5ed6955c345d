-- Events | ranked | name | additive
select name, url, count(distinct visitor) as visitors, sum(weight) as events
from v where name not in ('view', 'leave', 'progress', 'error', 'unhandledrejection', 'securitypolicyviolation') group by all
