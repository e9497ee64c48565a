INSERT INTO stock (facility_id, item_id, batch_id, owner_id, on_hand, reserved, held, in_transit, received, consumed, disposed, lost, returned, converted, lot, held_here, title_in, title_out)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)
ON CONFLICT (facility_id, item_id, batch_id, owner_id) DO UPDATE SET
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
    lot = excluded.lot,
    held_here = excluded.held_here,
    title_in = excluded.title_in,
    title_out = excluded.title_out
