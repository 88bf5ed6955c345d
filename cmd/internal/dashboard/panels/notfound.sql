-- Not found | ranked | path | additive
select path, cast(status as varchar) as status, sum(weight) as views
from v where name = 'view' and status >= 400 group by all order by views desc
