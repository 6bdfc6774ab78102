-- A checkout buys each of its items. A sword that is given up is no purchase.
select
    event_id, kafka_timestamp as purchased_at, player,
    'sword' as item_type, coalesce(color, event_detail, 'plain') as item, quantity
from {{ events("sword_purchases") }} where direction = 'increase'
union all
select event_id, kafka_timestamp, player, 'horse', size, quantity
from {{ events("horse_purchases") }}
union all
select event_id, kafka_timestamp, player, i.item_type, i.item, i.quantity
from {{ events("cart_actions") }} cross join unnest(items) as i (item_type, item, quantity)
where action = 'checkout'
