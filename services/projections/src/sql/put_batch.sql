INSERT INTO batches (batch_id, donation_id, item_id, created_position, resource)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (batch_id) DO UPDATE SET
    donation_id = excluded.donation_id,
    item_id = excluded.item_id,
    resource = excluded.resource
