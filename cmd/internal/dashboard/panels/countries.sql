-- Countries | ranked | country | additive
select country, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' and country is not null group by all order by visitors desc
