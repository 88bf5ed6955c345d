-- Headline | figures
with views as (
  select view, any_value(visitor) as visitor, any_value(weight) as weight, min(received_at) as began, max(seconds) as seconds from v group by view
), gaps as (
  select began - lag(began) over (partition by visitor order by began) as gap from views where visitor is not null
)
select count(distinct visitor) as visitors,
  (select count(*) from gaps where gap is null or gap > interval 30 minutes) as sessions,
  coalesce(cast(round(sum(weight)) as bigint), 0) as views,
  round(median(seconds), 1) as seconds
from views
