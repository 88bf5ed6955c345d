-- Sources | ranked | source | additive
select coalesce(utm_source, source, 'direct') as source, count(distinct visitor) as visitors, count(*) as sessions
from entries group by all order by visitors desc, sessions desc
