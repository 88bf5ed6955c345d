-- Errors | ranked | path
select name, coalesce(data->'props'->>'message', '') as message, cast(round(sum(weight)) as bigint) as events, max(received_at) as last_seen, count(distinct path) as pages
from v where name in ('error', 'unhandledrejection', 'securitypolicyviolation')
group by all order by events desc, message, name
