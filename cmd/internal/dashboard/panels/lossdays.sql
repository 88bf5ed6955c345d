-- Loss by day | bars | additive
with over as (select *, last - if(first > 2, first - 1, 0) as sent from views where ended < now() - interval 1 hour)
select cast(day as varchar) as day, ratio(sum(sent - arrived) + count(*) filter (leaves = 0), sum(sent + if(leaves = 0, 1, 0))) as lost, count(*) as views
from over group by over.day
