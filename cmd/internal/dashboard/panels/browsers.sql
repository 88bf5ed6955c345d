-- Browsers | ranked | browser | additive
select browser, count(distinct visitor) as visitors, sum(weight) as views
from pages where weight is not null group by all order by visitors desc, views desc
