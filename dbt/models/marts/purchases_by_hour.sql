select
    date_trunc('hour', purchased_at) as hour, item_type,
    count(*) as purchases, count(distinct player) as buyers, sum(cast(quantity as decimal(38, 0))) as quantity
from {{ ref("stg_purchases") }}
group by 1, 2
