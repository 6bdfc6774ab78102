-- One row an hour and kind of item.
select hour, item_type from {{ ref("purchases_by_hour") }} group by hour, item_type having count(*) > 1
