-- Stock with whoever has it in hand: the keeper or else the operator of the facility, or who is liable for what is on its
-- way or missing, both where it goes and whence it comes.
SELECT
    k.facility_id,
    k.item_id,
    k.batch_id,
    k.owner_id,
    k.serial_number,
    COALESCE(
        (
            SELECT w.organisation_id
            FROM keepers w
            WHERE w.facility_id = k.facility_id
            ORDER BY w.position DESC
            LIMIT 1
        ),
        f.operator_id,
        ''
    ) AS custodian_id,
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
    k.title_out,
    0 AS in_transit_out
FROM stock k
LEFT JOIN facilities f ON f.facility_id = k.facility_id
UNION ALL
SELECT
    c.facility_id,
    c.item_id,
    c.batch_id,
    c.owner_id,
    c.serial_number,
    c.custodian_id,
    0,
    0,
    0,
    c.quantity,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0
FROM carried c
UNION ALL
SELECT
    c.origin_id,
    c.item_id,
    c.batch_id,
    c.owner_id,
    c.serial_number,
    c.custodian_id,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    c.quantity
FROM carried c
