-- The days of carts hold all items that checkouts of the event table list.
select counted, there
from (select coalesce(sum(items_bought), 0) as counted from {{ ref("cart_to_checkout") }})
cross join (
    select coalesce(sum(cast(i.quantity as decimal(38, 0))), 0) as there
    from {{ events("cart_actions") }} cross join unnest(items) as i (item_type, item, quantity)
    where action = 'checkout')
where counted <> there
