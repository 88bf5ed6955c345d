-- Mediums | ranked | utm_medium | additive
select utm_medium, count(distinct visitor) as visitors, count(*) as sessions
from entries where utm_medium is not null group by all order by visitors desc, sessions desc
