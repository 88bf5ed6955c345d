-- Devices | ranked | device | additive
select device, count(distinct visitor) as visitors, sum(weight) as views
from pages where weight is not null group by all order by visitors desc, views desc
