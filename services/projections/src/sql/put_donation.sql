INSERT INTO donations (donation_id, donor_id, created_position, resource)
VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (donation_id) DO UPDATE SET
    donor_id = excluded.donor_id,
    resource = excluded.resource
