with days as (
    select
        cast(happened_at at time zone 'UTC' as date) as day, player,
        bool_or(action = 'add') as added, bool_or(action = 'checkout') as checked_out,
        coalesce(sum(quantity) filter (where action = 'add'), 0) as items_added,
        coalesce(sum(quantity) filter (where action = 'remove'), 0) as items_removed,
        coalesce(sum(quantity) filter (where action = 'checkout'), 0) as items_bought
    from {{ ref("stg_cart_actions") }}
    group by 1, player)
select
    day,
    count_if(added) as players_who_added,
    count_if(checked_out) as players_who_bought,
    round(cast(count_if(added and checked_out) as double) / nullif(count_if(added), 0), 3) as bought_of_who_added,
    sum(items_added) as items_added, sum(items_removed) as items_removed, sum(items_bought) as items_bought
from days
group by day
