-- Time on a page | histogram | additive
select case when seconds < 3 then '  0 s' when seconds < 10 then '  3 s' when seconds < 30 then ' 10 s' when seconds < 60 then ' 30 s'
  when seconds < 180 then '1 min' when seconds < 540 then '3 min' else '9 min' end as seconds, sum(coalesce(weight, 1)) as views
from views where views.seconds is not null group by all
