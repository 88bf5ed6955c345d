-- Loss by day | bars | additive
with views as (
  select min(day) as day, max(n) - if(min(n) > 2, min(n) - 1, 0) as last, count(*) as arrived, count(*) filter (name = 'leave') as leaves, max(received_at) as ended
  from v group by view
)
select cast(day as varchar) as day, ratio(sum(last - arrived) + count(*) filter (leaves = 0), sum(last + if(leaves = 0, 1, 0))) as lost, count(*) as views
from views where ended < now() - interval 1 hour group by day
