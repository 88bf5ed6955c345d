-- Web Vitals | ranked | path | additive
with views as (
  select any_value(path) as path, max(lcp) as lcp, max(inp) as inp, max(cls) as cls, max(fcp) as fcp, max(ttfb) as ttfb
  from events where name in ('leave', 'progress') group by view
)
select path, count(coalesce(lcp, fcp, ttfb)) as loads, p75(lcp) as lcp, p75(inp) as inp, p75(cls) as cls, p75(fcp) as fcp, p75(ttfb) as ttfb
from views group by path having loads > 0 order by loads desc
