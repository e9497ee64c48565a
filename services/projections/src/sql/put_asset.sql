INSERT INTO assets (
    item_id, serial_number, batch_id, created_position, resource,
    facility_id, owner_id, place, condition, service_due_on, loan_due_on
)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (item_id, serial_number) DO UPDATE SET
    batch_id = excluded.batch_id,
    resource = excluded.resource,
    facility_id = excluded.facility_id,
    owner_id = excluded.owner_id,
    place = excluded.place,
    condition = excluded.condition,
    service_due_on = excluded.service_due_on,
    loan_due_on = excluded.loan_due_on
