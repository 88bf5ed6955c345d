-- Doubles | ranked | browser | additive
select browser, sum(copies) as doubles from pages group by browser having doubles > 0 order by doubles desc
