-- Stock with whoever has it in hand: the operator of the facility, or who is liable for what is on its way or missing.
SELECT
    k.facility_id,
    k.item_id,
    k.batch_id,
    k.owner_id,
    COALESCE(f.operator_id, '') AS custodian_id,
    k.on_hand,
    k.reserved,
    k.held,
    0 AS in_transit,
    k.received,
    k.consumed,
    k.disposed,
    k.lost,
    k.returned,
    k.converted,
    k.title_in,
    k.title_out
FROM stock k
LEFT JOIN facilities f ON f.facility_id = k.facility_id
UNION ALL
SELECT
    p.facility_id,
    b.item_id,
    p.batch_id,
    p.owner_id,
    COALESCE(c.custodian_id, ''),
    0,
    0,
    0,
    p.quantity,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0
FROM places p
JOIN batches b ON b.batch_id = p.batch_id
LEFT JOIN shipments c ON c.shipment_id = p.shipment_id
WHERE p.status IN (2, 3)
