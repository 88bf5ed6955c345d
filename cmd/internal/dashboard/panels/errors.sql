-- Errors | ranked | name | additive
select coalesce(props_message, '') as message, name, sum(weight) as events, count(distinct visitor) as visitors,
  uniq(path) as pages, latest(received_at) as last_seen
from named where name in ('error', 'unhandledrejection', 'securitypolicyviolation') group by all order by events desc
