-- Loss by day | bars | additive
with over as (select *, last - if(first > 2, first - 1, 0) as sent from views where ended < now() - interval 1 hour)
select cast(day as varchar) as day, ratio(sum(sent - arrived) + count(*) filter (not ended_well), sum(sent + if(ended_well, 0, 1))) as lost, count(*) as views
from over group by over.day
