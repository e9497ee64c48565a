-- Reserved and held units are on hand; units on their way have a custodian.
SELECT
    p.owner_id,
    p.facility_id,
    p.status,
    p.shipment_id,
    p.quantity,
    p.since_position,
    COALESCE(s.reserved, 0),
    COALESCE(s.held, 0),
    COALESCE(c.custodian_id, '')
FROM places p
LEFT JOIN (
    SELECT
        facility_id,
        owner_id,
        CAST(SUM(reserved) AS BIGINT) AS reserved,
        CAST(SUM(held) AS BIGINT) AS held
    FROM stock
    WHERE batch_id = ?1 AND item_id = ?2
    GROUP BY facility_id, owner_id
) s
    ON p.status = 1
    AND s.facility_id = p.facility_id
    AND s.owner_id = p.owner_id
LEFT JOIN shipments c
    ON p.status IN (2, 3)
    AND c.shipment_id = p.shipment_id
WHERE p.batch_id = ?1
ORDER BY p.status, p.facility_id, p.owner_id, p.shipment_id
