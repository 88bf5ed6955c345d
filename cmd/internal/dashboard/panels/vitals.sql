-- Web Vitals | ranked | path
with views as (
  select view, any_value(path) as path, max(lcp) as lcp, max(inp) as inp, max(cls) as cls, max(fcp) as fcp, max(ttfb) as ttfb from v group by view
)
select path, round(quantile_disc(lcp, 0.75)) as lcp, round(quantile_disc(inp, 0.75)) as inp, round(quantile_disc(cls, 0.75), 3) as cls,
  round(quantile_disc(fcp, 0.75)) as fcp, round(quantile_disc(ttfb, 0.75)) as ttfb, count(lcp) as loads
from views group by path having count(coalesce(lcp, fcp, ttfb)) > 0 order by loads desc, path
