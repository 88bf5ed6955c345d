-- Entry and exit | ranked | path | additive
select path, sum(if(entry, weight, 0)) as entries, sum(if(exit, weight, 0)) as exits
from pages where weight is not null and visitor is not null group by path having entries + exits > 0 order by entries desc
