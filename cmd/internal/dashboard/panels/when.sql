-- When | line | additive
select cast(day as varchar) as day, lpad(cast(hour as varchar), 2, '0') as hour, count(distinct visitor) as visitors, sum(weight) as views
from views where weight is not null group by grouping sets ((day), (day, hour))
