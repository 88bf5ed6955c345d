-- Headline | figures | additive
with views as (
  select max(visitor) filter (name = 'view') as visitor, sum(if(name = 'view', weight, 0)) as weight, min(local) as began, max(seconds) as seconds
  from v group by view
), gaps as (
  select began - lag(began) over (partition by visitor order by began) as gap from views where visitor is not null
)
select count(distinct visitor) as visitors, (select count(*) from gaps where gap is null or gap > 1800000000) as sessions,
  coalesce(sum(weight), 0) as views, p50(seconds) as seconds
from views
