-- What the hours and the items count is what the event tables hold: differences, so no row is right.
with bought as (
    select 'sword' as item_type, quantity from {{ events("sword_purchases") }} where direction = 'increase'
    union all select 'horse', quantity from {{ events("horse_purchases") }}
    union all
    select i.item_type, i.quantity
    from {{ events("cart_actions") }} cross join unnest(items) as i (item_type, item, quantity)
    where action = 'checkout'),
expected as (
    select item_type, count(*) as purchases, sum(cast(quantity as decimal(38, 0))) as quantity
    from bought group by item_type),
hours as (
    select item_type, sum(purchases) as purchases, sum(quantity) as quantity
    from {{ ref("purchases_by_hour") }} group by item_type),
items as (
    select item_type, sum(purchases) as purchases, sum(quantity) as quantity
    from {{ ref("top_items") }} group by item_type)
(select 'hours' as of, * from hours except select 'hours', * from expected)
union all (select 'hours', * from expected except select 'hours', * from hours)
union all (select 'items', * from items except select 'items', * from expected)
union all (select 'items', * from expected except select 'items', * from items)
