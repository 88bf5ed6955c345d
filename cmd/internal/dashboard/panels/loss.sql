-- Loss | ranked | browser | additive
with views as (
  select any_value(browser) as browser, max(n) - if(min(n) > 2, min(n) - 1, 0) as last, count(*) as arrived, count(*) filter (name = 'leave') as leaves, max(received_at) as ended
  from v group by view
)
select browser, count(*) as views, cast(sum(last - arrived) as bigint) as gaps, count(*) filter (leaves = 0) as no_leave,
  ratio(sum(last - arrived) + no_leave, sum(last + if(leaves = 0, 1, 0))) as lost
from views where ended < now() - interval 1 hour group by browser
