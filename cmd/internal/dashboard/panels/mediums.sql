-- Mediums | ranked | utm_medium | additive
select utm_medium, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' and utm_medium is not null group by all order by visitors desc
