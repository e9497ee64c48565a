INSERT INTO shipments (shipment_id, origin_id, destination_id, state, custodian_id, created_position, resource)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (shipment_id) DO UPDATE SET
    origin_id = excluded.origin_id,
    destination_id = excluded.destination_id,
    state = excluded.state,
    custodian_id = excluded.custodian_id,
    resource = excluded.resource
