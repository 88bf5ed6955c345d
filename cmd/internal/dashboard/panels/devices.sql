-- Devices | ranked | device | additive
select device, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' group by all order by visitors desc
