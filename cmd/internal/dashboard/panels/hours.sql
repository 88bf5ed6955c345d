-- By hour of the day | bars | additive
select hour, sum(weight) as views, count(distinct visitor) as visitors
from v where name = 'view' group by hour
