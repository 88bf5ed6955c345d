-- Not found | ranked | path
select path, status, cast(round(sum(weight)) as bigint) as views
from v where name = 'view' and status >= 400 group by all order by views desc, path
