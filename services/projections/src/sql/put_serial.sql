INSERT INTO serials (item_id, serial_number, batch_id, owner_id, facility_id, status, shipment_id, since_position)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (item_id, serial_number) DO UPDATE SET
    batch_id = excluded.batch_id,
    owner_id = excluded.owner_id,
    facility_id = excluded.facility_id,
    status = excluded.status,
    shipment_id = excluded.shipment_id,
    since_position = excluded.since_position
