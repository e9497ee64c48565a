INSERT INTO places (batch_id, owner_id, facility_id, status, shipment_id, quantity, since_position)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (batch_id, owner_id, facility_id, status, shipment_id) DO UPDATE SET
    quantity = excluded.quantity,
    since_position = excluded.since_position
