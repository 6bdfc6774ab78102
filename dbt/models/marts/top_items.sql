with sold as (
    select
        item_type, item, sum(cast(quantity as decimal(38, 0))) as quantity,
        count(*) as purchases, count(distinct player) as buyers
    from {{ ref("stg_purchases") }}
    group by item_type, item)
select row_number() over (order by quantity desc, purchases desc, item_type, item) as place, sold.*
from sold
