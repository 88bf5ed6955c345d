-- When | line | day
select cast(received_at as date) as day, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as views
from v where name = 'view' group by day order by day
