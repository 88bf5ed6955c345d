-- Doubles | ranked | browser | additive
select browser, count(*) as doubles from copies where not bot group by browser
