INSERT INTO stock_totals (facility_id, item_id, on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, title_in, title_out)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
ON CONFLICT (facility_id, item_id) DO UPDATE SET
    on_hand = excluded.on_hand,
    reserved = excluded.reserved,
    held = excluded.held,
    in_transit = excluded.in_transit,
    received = excluded.received,
    consumed = excluded.consumed,
    disposed = excluded.disposed,
    lost = excluded.lost,
    returned = excluded.returned,
    converted = excluded.converted,
    title_in = excluded.title_in,
    title_out = excluded.title_out
