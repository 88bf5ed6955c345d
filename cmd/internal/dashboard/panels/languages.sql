-- Languages | ranked | language | additive
select language, count(distinct visitor) as visitors, sum(weight) as views
from v where name = 'view' group by all order by visitors desc
