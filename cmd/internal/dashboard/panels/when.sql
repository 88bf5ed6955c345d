-- When | line | additive
select cast(day as varchar) as day, hour, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' group by grouping sets ((day), (day, hour))
