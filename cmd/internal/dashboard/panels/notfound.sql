-- Not found | ranked | path | additive
select path, cast(status as varchar) as status, sum(weight) as views
from pages where weight is not null and pages.status >= 400 group by all order by views desc
