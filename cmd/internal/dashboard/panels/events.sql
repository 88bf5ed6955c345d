-- Events | ranked | name
select name, data->'props'->>'url' as url, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as events
from v where name not in ('view', 'leave', 'progress', 'error', 'unhandledrejection', 'securitypolicyviolation')
group by all order by events desc, name, url
