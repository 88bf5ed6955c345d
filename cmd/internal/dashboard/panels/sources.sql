-- Sources | ranked | source
select coalesce(utm_source, source, 'direct') as source, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as views
from v where name = 'view' group by all order by views desc, source
