-- Loss | ranked | browser | additive
with over as (select *, last - if(first > 2, first - 1, 0) as sent from pages where ended < now() - interval 1 hour)
select browser, count(*) as views, cast(sum(sent - arrived) as bigint) as gaps, count(*) filter (not ended_well) as no_leave,
  ratio(sum(sent - arrived) + no_leave, sum(sent + if(ended_well, 0, 1))) as lost
from over group by browser
