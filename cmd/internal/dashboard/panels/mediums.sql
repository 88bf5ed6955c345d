-- Mediums | ranked | utm_medium
select utm_medium, count(distinct visitor) as visitors, cast(round(sum(weight)) as bigint) as views
from v where name = 'view' and utm_medium is not null group by all order by views desc, utm_medium
