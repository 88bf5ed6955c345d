-- By hour of the day | bars | additive
select lpad(cast(hour as varchar), 2, '0') as hour, sum(weight) as views, count(distinct visitor) as visitors
from views where weight is not null group by views.hour
