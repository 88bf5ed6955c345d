-- Countries | ranked | country | additive
select country, count(distinct visitor) as visitors, sum(weight) as views
from pages where weight is not null and country is not null group by all order by visitors desc, views desc
