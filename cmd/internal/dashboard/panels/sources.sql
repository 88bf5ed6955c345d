-- Sources | ranked | source | additive
select coalesce(utm_source, source, 'direct') as source, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' group by all
