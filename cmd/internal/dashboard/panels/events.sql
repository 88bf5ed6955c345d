-- Events | ranked | name | additive
select name, props_url as url, count(distinct visitor) as visitors, sum(weight) as events
from named where name not in ('error', 'unhandledrejection', 'securitypolicyviolation') group by all order by visitors desc
