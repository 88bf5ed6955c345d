-- Devices | ranked | device
select device, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as views
from v where name = 'view' group by all order by views desc, device
