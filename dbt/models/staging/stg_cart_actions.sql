select
    event_id, kafka_timestamp as happened_at, player, action, cardinality(items) as lines,
    reduce(items, cast(0 as decimal(38, 0)), (sum, i) -> sum + i.quantity, sum -> sum) as quantity
from {{ events("cart_actions") }}
